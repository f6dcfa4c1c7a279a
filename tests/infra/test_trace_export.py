"""Traces are off, and cost neither time nor memory, until somebody wants them."""

import subprocess
import sys

from tests.cli.commands import ROOT

NOT_LOADED = """
import sys
import api.app, cli.api_server, notifications.notifier, projections.projector, streams.worker
from infra.settings import Settings
from infra.trace_export import traces_sent
with traces_sent(Settings(_env_file=None), "worker"):
    pass
print(sorted(name for name in sys.modules if name.startswith(("opentelemetry.sdk", "google."))))
"""


def test_without_a_collector_nothing_of_it_is_loaded() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", NOT_LOADED],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert (ended.returncode, ended.stdout) == (0, "[]\n"), ended.stderr

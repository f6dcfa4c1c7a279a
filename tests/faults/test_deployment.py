"""The processes of a deployment under test leave nothing behind, whatever becomes of the test."""

import subprocess
import sys
from pathlib import Path

import psutil

from dev.processes import ends_within

# Starts one worker on engines that nobody serves, stops it, says its process id, and stays.
_TEST_RUN = """
import sys
from pathlib import Path
from infra.settings import Settings
from tests.faults.deployment import Deployment
worker = Deployment(Settings(_env_file=None), Path(sys.argv[1])).start("worker")
worker.suspend()
print(worker.popen.pid, flush=True)
sys.stdin.read()
"""


def test_a_killed_test_run_leaves_no_process_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _TEST_RUN, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        worker = psutil.Process(int(run.stdout.readline()))
        assert not ends_within(0.0, worker)
        run.kill()
    assert ends_within(20.0, worker)

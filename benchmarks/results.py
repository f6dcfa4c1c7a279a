"""Results files: what was measured, where, when, and of which commit."""

import json
import platform
import re
import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import psutil

from benchmarks.figures import Outcome
from dev.kafka_jars import JARS
from dev.mongod import installed_mongod
from dev.processes import run_to_end

_ROOT: Final = Path(__file__).resolve().parent.parent
RESULTS: Final = Path(__file__).resolve().parent / "results"
_PROCESSORS: Final = Path("/proc/cpuinfo")


class NoResultsError(ValueError):
    """A file is no results file."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} holds no results: {reason}")
        self.path = path


def path_for(moment: datetime) -> Path:
    """Where the results of a run that began then are kept."""
    return RESULTS / f"{moment:%Y-%m-%dT%H%M%SZ}.json"


def keep(path: Path, moment: datetime, scale: float, outcomes: Sequence[Outcome]) -> None:
    """Write what was measured so far, in place of what was there."""
    result = {
        "at": moment.isoformat(timespec="seconds"),
        "commit": commit(),
        "machine": machine(),
        "scale": scale,
        "rows": {o.row: {"seconds": round(o.seconds, 1), "failed": o.failed} for o in outcomes},
        "figures": [{"row": o.row, **figure.as_json()} for o in outcomes for figure in o.figures],
    }
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")


def read(path: Path) -> dict[str, Any]:
    """A results file.

    Raises:
        NoResultsError: it holds something else.
        OSError: it cannot be read.
    """
    try:
        found = json.loads(path.read_text())
    except ValueError as error:
        raise NoResultsError(path, str(error)) from None
    if not isinstance(found, dict) or not isinstance(found.get("figures"), list):
        raise NoResultsError(path, "no figures")
    return found


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "processor": processor(_PROCESSORS.read_text() if _PROCESSORS.exists() else ""),
        "cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "python": platform.python_version(),
        "mongod": _version(run_to_end([str(installed_mongod()), "--version"]).stdout),
        "kafka": _version(" ".join(jar.name for jar in JARS.glob("kafka-clients-*.jar"))),
    }


def processor(cpuinfo: str) -> str:
    """The model that `/proc/cpuinfo` names; where it does not, what the platform says."""
    found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return found[1].strip() if found else platform.processor() or platform.machine()


def commit() -> str | None:
    """The short hash of what is checked out, `+` behind it if files differ; None without git."""
    git = shutil.which("git")
    if git is None:
        return None
    answer = run_to_end([git, "-C", str(_ROOT), "describe", "--always", "--dirty=+", "--exclude=*"])
    return answer.stdout.strip() if answer.returncode == 0 else None


def _version(text: str) -> str | None:
    found = re.search(r"\d+\.\d+\.\d+", text)
    return found[0] if found else None

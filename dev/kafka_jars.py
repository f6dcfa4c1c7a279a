"""The jars of a Kafka broker: brought by Maven, and held against a list of hashes."""

import fcntl
import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dev.engine_errors import EngineError, JarsChangedError, MissingProgramError
from dev.processes import run_to_end

_HERE = Path(__file__).resolve().parent / "kafka"
_JAVA_AT_LEAST = 17
_JAVA = f"a Java runtime, version {_JAVA_AT_LEAST} or newer"

JARS = Path(__file__).resolve().parent.parent / ".local" / "kafka-jars"


def install_jars(directory: Path) -> None:
    """Bring the broker's jars into `directory`, unless exactly they are there already.

    Hashing all 43 MB takes less than starting a Java program, so there is no stamp to trust.
    """
    # Beside the goal, then renamed: nobody ever sees half of them.
    with _alone(directory), tempfile.TemporaryDirectory(dir=directory.parent) as scratch:
        if directory.is_dir() and not _differences(directory):
            return
        fresh = Path(scratch) / "jars"
        _copy_dependencies(fresh)
        if differences := _differences(fresh):
            raise JarsChangedError(fresh, differences)
        _put_in_place(fresh, directory)


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Let one process at a time install: another may have started a Kafka from what is there."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with (directory.parent / f"{directory.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def java() -> str:
    """Return the path of a Java 17 or newer."""
    program = _program("java", _JAVA)
    answer = run_to_end([program, "-version"]).stdout
    version = re.search(r'version "(\d+)', answer)
    if version is None or int(version.group(1)) < _JAVA_AT_LEAST:
        raise MissingProgramError(f"{program} is too old ({answer.splitlines()[:1]})", _JAVA)
    return program


def _copy_dependencies(directory: Path) -> None:
    command = [
        _program("mvn", "Apache Maven"),
        *("-q", "-B", "-f", str(_HERE / "pom.xml"), "dependency:copy-dependencies"),
        *("-DincludeScope=runtime", f"-DoutputDirectory={directory}"),
    ]
    answer = run_to_end(command)
    if answer.returncode != 0:
        raise EngineError(f"Maven could not bring the jars of Kafka:\n{answer.stdout[-2000:]}")


def _differences(directory: Path) -> list[str]:
    """Name each jar that is missing, unknown or changed."""
    lines = (_HERE / "jars.sha256").read_text().splitlines()
    wanted = {name: digest for digest, name in (line.split() for line in lines)}
    found = {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in _jars(directory)}
    return sorted(name for name, _ in wanted.items() ^ found.items())


def _jars(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.jar"))


def _put_in_place(fresh: Path, directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    fresh.rename(directory)


def _program(name: str, remedy: str) -> str:
    if path := shutil.which(name):
        return path
    raise MissingProgramError(f"`{name}` is not on the PATH", remedy)

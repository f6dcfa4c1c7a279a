"""The engines of `make run`: those that the settings do not name, started or found running."""

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from dev.engine_errors import AlreadyRunningError
from dev.engine_process import EngineProcess
from dev.engines import Engines
from infra.settings import Settings

_COMPOSE: Final = Path(__file__).resolve().parent.parent / "docker-compose.yml"
_ANSWER_SECONDS: Final = 10.0


class OwnEngines:
    """Kafka and MongoDB, as far as nobody named another one.

    What `make stack` runs in the background on the same data is used, and left running.
    """

    def __init__(self, settings: Settings, root: Path, kafka_port: int, mongo_port: int) -> None:
        both = Engines.local(root, kafka_port=kafka_port, mongo_port=mongo_port)
        named = settings.model_fields_set
        self._wanted: dict[str, EngineProcess] = {}
        if "kafka_bootstrap_servers" not in named:
            self._wanted["KAFKA_BOOTSTRAP_SERVERS"] = both.kafka
        if "mongodb_uri" not in named:
            self._wanted["MONGODB_URI"] = both.mongod
        self._started: list[EngineProcess] = []
        self._adopted: list[EngineProcess] = []

    def start(self) -> None:
        """Start or adopt what is wanted, at the same time, and wait until it serves.

        Raises:
            EngineError: one cannot be had; `stop` ends the others.
        """
        with ThreadPoolExecutor() as pool:
            for starting in [pool.submit(self._bring_up, e) for e in self._wanted.values()]:
                starting.result()

    def stop(self, seconds: float) -> None:
        """Stop what was started here; what is up after `seconds` is killed."""
        with ThreadPoolExecutor() as pool:
            for stopping in [pool.submit(engine.stop, seconds) for engine in self._started]:
                stopping.result()

    @property
    def running(self) -> list[EngineProcess]:
        """Those started here and those found running."""
        return [*self._started, *self._adopted]

    def environment(self) -> dict[str, str]:
        """The settings that point a process of ours at these engines."""
        return {name: engine.address for name, engine in self._wanted.items()}

    def origins(self) -> list[str]:
        """A sentence per engine, for the screen."""
        return [
            f"{e.name} {'was running' if e in self._adopted else 'started'}: {e.address}"
            for e in self._wanted.values()
        ]

    def _bring_up(self, engine: EngineProcess) -> None:
        if not engine.adopt():
            engine.start()
            self._started.append(engine)
            return
        if not engine.in_background and engine.pid:
            raise AlreadyRunningError(engine.name, engine.pid, engine.data_dir)
        engine.wait_ready()
        self._adopted.append(engine)


def docker_serves() -> bool:
    """True if there is a Docker engine that answers, with Compose."""
    program = shutil.which("docker")
    if program is None:
        return False
    for question in (["info"], ["compose", "version"]):
        try:
            answer = subprocess.run(  # noqa: S603 (a constant command)
                [program, *question], capture_output=True, check=False, timeout=_ANSWER_SECONDS
            )
        except subprocess.TimeoutExpired:
            return False
        if answer.returncode:
            return False
    return True


def become_compose() -> None:
    """Run everything in containers instead, in this process's place; the first key is made before.

    Raises:
        CalledProcessError: what is before it failed, and said why.
    """
    compose = ("docker", "compose", "--file", str(_COMPOSE))
    for before in (("build",), ("run", "--rm", "key")):
        subprocess.run([*compose, *before], check=True)  # noqa: S603 (a constant command)
    os.execvp(compose[0], [*compose, "up"])  # noqa: S606 (no shell)

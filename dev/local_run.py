"""One start of everything on this machine: engines, sample helpdesk, services, one ingestion."""

import os
import sys
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Final, Self

from rich.console import Console

from cli.api_client import ApiClient
from cli.progress import showing
from cli.runs import Run, follow_run
from dev.children import Child, Supervisor
from dev.engine_process import EngineProcess
from dev.own_engines import OwnEngines
from dev.ports import LOOPBACK
from domain.errors import TenantBusyError
from infra.settings import Settings

# Together less than the ten seconds that Ctrl-C may take.
_SERVICES_STOP_SECONDS: Final = 7.0
_HELPDESK_STOP_SECONDS: Final = 0.5
_ENGINES_STOP_SECONDS: Final = 2.0

_UNBUFFERED: Final = {"PYTHONUNBUFFERED": "1"}


class LocalRun:
    """One start of everything; what it starts is ended with its block, the engines last."""

    def __init__(self, root: Path, console: Console) -> None:
        self._root = root
        self._console = console
        self._ends = ExitStack()
        self._awaited: list[tuple[Child, str]] = []
        self.supervisor = Supervisor(root / "logs", self._warn)

    def __enter__(self) -> Self:
        self.supervisor.heed_signals()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.say("stopping")
        finally:
            self._ends.close()
        self.say("stopped")

    def say(self, line: str) -> None:
        """Print a plain line."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def start_helpdesk(self, settings: Settings, port: int, tickets: int) -> None:
        """Start the sample helpdesk with the limit that our workers keep to."""
        command = [
            *(sys.executable, "-m", "dev.helpdesk", f"--port={port}", f"--tickets={tickets}"),
            f"--state={self._root / 'helpdesk.json'}",
            f"--limit={settings.helpdesk_rate_limit}",
            f"--period={settings.helpdesk_rate_period}",
        ]
        os.environ["HELPDESK_URL"] = f"http://{LOOPBACK}:{port}"
        child = self.supervisor.start("helpdesk", command, os.environ | _UNBUFFERED)
        self._ends.callback(self.supervisor.stop, [child], _HELPDESK_STOP_SECONDS)
        self._awaited.append((child, "ready"))

    def start_engines(self, settings: Settings, kafka_port: int, mongo_port: int) -> None:
        """Start or adopt the engines that nobody named, and point everything at them."""
        engines = OwnEngines(settings, self._root, kafka_port, mongo_port)
        self._ends.callback(engines.stop, _ENGINES_STOP_SECONDS)
        engines.start()
        os.environ.update(engines.environment())
        for engine in engines.running:
            self.supervisor.watch(engine.name, partial(_is_up, engine), engine.log)
        for sentence in engines.origins():
            self.say(sentence)

    def start_services(self, settings: Settings) -> None:
        """Start a worker, a projector, a notifier and the API.

        Where METRICS_PORT is set, worker, projector and notifier have it and the two after it.
        """
        environment = os.environ | _UNBUFFERED
        if environment.get("LOG_LEVEL") != "DEBUG":
            environment["LOG_LEVEL"] = "INFO"  # the files hold all; the screen shows warnings
        children: list[Child] = []  # those that were started, also if one after them fails
        self._ends.callback(self.supervisor.stop, children, _SERVICES_STOP_SECONDS)
        for number, name in enumerate(("worker", "projector", "notifier", "api")):
            if settings.metrics_port:
                environment["METRICS_PORT"] = str(settings.metrics_port + number)
            command = [sys.executable, "-m", "cli", name]
            child = self.supervisor.start(name, command, environment)
            children.append(child)
            self._awaited.append((child, f"{name}_started"))

    def wait_ready(self) -> None:
        """Wait until every process has said that it is ready."""
        for child, event in self._awaited:
            self.supervisor.wait_ready(child, partial(child.has_said, event))
        names = ", ".join(child.name for child, _ in self._awaited)
        self.say(f"{names} started; logs in {self._root / 'logs'}")

    def ingest(self, api: ApiClient) -> Run:
        """Ingest every tenant; a run that is still on from an earlier start is finished first."""
        while True:
            try:
                job_id = api.start_run("*")
            except TenantBusyError as error:
                if error.job_id is None:
                    raise
                self.say(f"{error}: it is finished first")
                self._follow(api, error.job_id)
            else:
                return self._follow(api, job_id)

    def _follow(self, api: ApiClient, job_id: str) -> Run:
        with showing(self._console) as view:
            return follow_run(api, job_id, view)

    def _warn(self, line: str) -> None:
        # A screen that went away must not keep a child from writing its log.
        with suppress(OSError, SystemExit):
            self._console.print(line, style="yellow", markup=False, highlight=False, soft_wrap=True)


def _is_up(engine: EngineProcess) -> bool:
    return engine.pid is not None

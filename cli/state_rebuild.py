"""`deskstream rebuild --state`: the sync agent's state held against the log, and mended."""

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import typer

from cli.counting import Count, counting
from cli.output import print_json
from cli.running import perform

if TYPE_CHECKING:
    from infra.settings import Settings
    from streams.state_rebuild import StateReport

_MOST_NAMED: Final = 20


def rebuild_state(*, as_json: bool) -> None:
    """Make the state anew from the log, and replace what contradicts it; workers go on."""
    report = perform(_run)
    if as_json:
        print_json(_as_json(report))
        return
    for one in report.differences[:_MOST_NAMED]:
        fields = ", ".join(one.fields)
        typer.echo(f"{one.key}: {fields} (version {one.state_version}, log {one.log_version})")
    found = f"{report.records:,} records of the log, {report.tickets:,} tickets"
    typer.echo(f"state: {found}, {report.different:,} differed and were mended")


async def _run(settings: "Settings") -> "StateReport":
    from infra.mongo import Mongo
    from infra.startup import wait_for_engines
    from streams.state_rebuild import rebuild_state as rebuilt

    mongo = Mongo(settings)
    try:
        await wait_for_engines(settings, mongo)
        with ExitStack() as stack:
            return await rebuilt(settings, mongo, progress=_Bars(stack).show)
    finally:
        mongo.close()


class _Bars:
    """One bar per phase: first the log is read, then the tickets are compared."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._phase = ""
        self._done = 0
        self._count: Count | None = None

    def show(self, phase: str, done: int, total: int) -> None:
        if phase != self._phase or self._count is None:
            self._stack.close()
            unit = "records" if phase == "log" else "tickets"
            self._count = self._stack.enter_context(counting(f"state: {phase}", total, unit))
            self._phase, self._done = phase, 0
        self._count(done - self._done)
        self._done = done


def _as_json(report: "StateReport") -> dict[str, Any]:
    return {
        "records": report.records,
        "tickets": report.tickets,
        "different": report.different,
        "differences": [one._asdict() for one in report.differences],
    }

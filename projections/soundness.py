"""What a shadow must pass before it is swapped in: the independent fold of the log."""

from collections.abc import Callable

from domain.rebuild_errors import ShadowUnsoundError
from infra.log_reader import LogReader
from infra.log_scan import LogScan
from infra.mongo import Mongo
from infra.settings import Settings
from projections.rebuild import Check
from projections.shadow import Shadow
from projections.subjects import Subject
from projections.verification import Progress, Sources, verify


async def unchecked(_: Shadow) -> None:
    """Let everything pass."""


def verified(
    settings: Settings, mongo: Mongo, reader: LogReader, show: Callable[[Progress], None]
) -> Check:
    """Folds the log once more, by code that shares nothing with the projectors.

    Raises, when called:
        ShadowUnsoundError: the shadow is not what the log says.
    """

    async def check(shadow: Shadow) -> None:
        scan = LogScan(settings)
        checkpoints = {shadow.projection.topic: shadow.checkpoints}
        subject = Subject(shadow.generation.names, checkpoints)
        try:
            report = await verify(Sources(mongo, reader, scan), subject, progress=show)
        finally:
            await scan.stop()
        if report.differing or report.unchecked:
            raise ShadowUnsoundError(shadow.projection.consumer, report.differing, report.unchecked)

    return check

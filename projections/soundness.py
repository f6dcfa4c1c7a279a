"""What a shadow must pass before it is swapped in: the independent fold of the log."""

from domain.rebuild_errors import ShadowUnsoundError
from infra.log_reader import LogReader
from infra.log_scan import LogScan
from infra.mongo import Mongo
from infra.settings import Settings
from projections.rebuild import Check, Progress, View
from projections.shadow import Shadow
from projections.subjects import shadow_subject
from projections.verification_shares import verify_shared
from projections.verification_task import Progress as Verified
from projections.verification_task import Sources


async def unchecked(_: Shadow) -> None:
    """Let everything pass."""


def verified(settings: Settings, mongo: Mongo, reader: LogReader, view: View) -> Check:
    """Folds the log once more, by code that shares nothing with the projectors.

    Raises, when called:
        ShadowUnsoundError: the shadow is not what the log says.
    """

    async def check(shadow: Shadow) -> None:
        def watch(progress: Verified) -> None:
            consumer = shadow.projection.consumer
            view(Progress(consumer, "verifying", progress.read, progress.to_read))

        scan = LogScan(settings)
        try:
            sources = Sources(mongo, reader, scan)
            subject = shadow_subject(shadow)
            report = await verify_shared(settings, sources, subject, tenant=None, watch=watch)
        finally:
            await scan.stop()
        if report.differing or report.unchecked:
            raise ShadowUnsoundError(shadow.projection.consumer, report.differing, report.unchecked)

    return check

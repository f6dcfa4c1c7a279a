"""`verify` after everything that upstream systems do: the read models are those of the log."""

import pytest

from infra.log_reader import LogReader
from infra.log_scan import LogScan
from projections.verification import verify_live
from projections.verification_task import Progress, Sources
from tests.faults import verdict
from tests.faults.feed import Feed
from tests.integration.pipeline import Pipeline

pytestmark = [pytest.mark.services]


async def test_whatever_upstream_sends_the_read_models_are_those_of_the_log(
    pipeline: Pipeline,
) -> None:
    settings, mongo = pipeline.settings, pipeline.mongo
    await verdict.send(settings, Feed(7, settings.kafka_partitions).take(1500))
    assert not await verdict.until_still(settings, mongo, 60)
    reader, scan = LogReader(settings), LogScan(settings)

    progress: list[Progress] = []
    report = await verify_live(Sources(mongo, reader, scan), tenant=None, watch=progress.append)
    await scan.stop()
    await reader.stop()

    assert (report.differences, report.unchecked) == ([], [])
    assert report.events > 300
    assert report.documents == progress[-1].compared > 300
    assert progress[-1].read == progress[-1].to_read

"""Nobody is told twice: neither by unchanged tickets nor by anything that reads the log again."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import msgspec
import pytest

from dev.helpdesk.helpdesk import HelpdeskSettings
from dev.helpdesk.server import HelpdeskServer
from domain.classification import Classifier
from domain.instants import cut
from domain.ruleset import Rule, parse_ruleset
from domain.runs import ENDED
from infra.alert_backlog import read_backlog
from infra.publisher import Publisher
from infra.rules import shipped_rules
from infra.settings import Settings
from streams.reclassification import Reclassification
from streams.reentry import Reentry
from tests.faults.scenario import Scenario, runs_of, scenario
from tests.integration.pipeline import eventually
from tests.stages.stages import deskstream, events, quiet

pytestmark = [pytest.mark.services, pytest.mark.faults]

TENANT = "harbortide"


async def test_runs_rebuilds_reclassifications_and_replays_tell_nobody(
    settings: Settings, tmp_path: Path
) -> None:
    with HelpdeskServer(HelpdeskSettings(tickets=400, limit=0, notify_failures=0)) as helpdesk:
        changes = {"helpdesk_url": helpdesk.url, "alert_max_age": timedelta(days=90)}
        async with scenario(settings, tmp_path, **changes) as running:
            running.start("worker", "projector", "notifier")
            await eventually(partial(_has_begun, running), bool)
            await _crawl(running)
            told = await _told(running, helpdesk)
            assert sum(told.values()) == len(told) > 5

            for _ in range(2):
                await _crawl(running)
            await deskstream(running, "rebuild", "--all")
            await deskstream(running, "replay", "tickets.raw", "--from", "1h")
            before = len(await events(running))
            await _reclassify(running)
            await quiet(running)

            became_urgent = [
                event
                for event in (await events(running)).values()
                if event["cause"] == "reclassify" and event["ticket"]["urgency"] == "high"
            ]
            assert len(await events(running)) > before
            assert len(became_urgent) > 20
            assert await _told(running, helpdesk) == told


async def _has_begun(running: Scenario) -> bool:
    return await running.mongo["checkpoints"].count_documents({"consumer": "alerts"}) > 0


async def _crawl(running: Scenario) -> None:
    job = await runs_of(running).request(TENANT)
    ended = await eventually(
        partial(runs_of(running).find, job["_id"]), lambda job: job["phase"] in ENDED
    )
    assert ended["phase"] == "completed"
    await quiet(running)


async def _told(running: Scenario, helpdesk: HelpdeskServer) -> Counter[str]:
    """How often the receiver heard each alert, once nothing waits."""
    await quiet(running)
    await eventually(lambda: read_backlog(running.mongo), lambda backlog: backlog.pending == 0)
    return Counter(str(call.idempotency_key) for call in helpdesk.notifications())


async def _reclassify(running: Scenario) -> None:
    """Rules by which everything that mentions an order is urgent."""
    current = parse_ruleset(shipped_rules())
    order = Rule("order", "high", {"en": ("order", "please", "thanks", "hello", "hi")})
    newer = msgspec.structs.replace(
        current, version=current.version + 1, rules=(*current.rules, order)
    )
    publisher = Publisher(running.settings)
    reentry = Reentry(running.mongo, publisher, running.settings.kafka_partitions)
    run = Reclassification(Classifier(newer), cut(datetime.now(UTC)))
    await run.run(running.mongo, reentry, lambda _: None, None)
    await publisher.stop()

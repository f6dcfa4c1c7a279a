"""Poison among good records, and its redrive: as if it had never failed, or stale, never twice."""

import asyncio
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dev.environment import environment_of
from dev.helpdesk.helpdesk import HelpdeskSettings
from dev.helpdesk.server import HelpdeskServer
from infra.letters import Letters
from infra.settings import Settings
from tests.cli.commands import ROOT, Deskstream
from tests.faults import verdict
from tests.faults.scenario import Scenario, runs_of, scenario
from tests.ingestion.desk import ticket_row
from tests.integration.pipeline import Pipeline, deleted, eventually, observed

pytestmark = pytest.mark.services

# The same records for both; a worker with the planted validator refuses what is odd of the first.
POISONED, TWIN = "poisoned", "twin"
REFUSED = "status: 'odd' is not known"


def _day(number: int) -> dict[str, str]:
    moment = f"2026-11-{number:02}T10:00:00Z"
    return {"time": moment, "updated_at": moment}


def _records(who: str) -> list[bytes]:
    """What happened to the tickets of one tenant; ids are the same for every tenant."""
    odd = {"status": "odd"}
    count = iter(range(100))

    def shown(ticket: str, **changes: Any) -> bytes:
        return observed(who, ticket, event_id=f"e{next(count)}", **changes)

    return [
        shown("CREATED", **odd, **_day(1), message="Production is down, we lose orders!"),
        shown("UPDATED", **_day(1)),
        shown("UPDATED", **odd, **_day(2), subject="second"),
        shown("TWICE", **odd, **_day(1)),
        shown("TWICE", **odd, **_day(2), subject="second"),
        shown("RESTORED", **_day(1)),
        deleted(who, "RESTORED", time="2026-11-02T10:00:00Z", id="gone"),
        shown("RESTORED", **odd, **_day(3)),
        shown("UNCHANGED", **_day(1)),
        shown("UNCHANGED", **_day(2)),
        shown("OVERTAKEN", **_day(1)),
        shown("OVERTAKEN", **odd, **_day(2), subject="second"),
        shown("OVERTAKEN", **_day(3), subject="third"),
        shown("HELD", **_day(1), created_at="yesterday"),
        shown("HELD", **odd, **_day(2)),
    ]


class Operator:
    """`deskstream dlq` on a deployment under test."""

    def __init__(self, running: Scenario) -> None:
        self.running = running
        self.command = Deskstream(environment_of(running.settings))

    async def asks(self, *arguments: str) -> Any:
        return await asyncio.to_thread(self.command.json, "dlq", *arguments)

    async def does(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(self.command.run, "dlq", *arguments)

    async def dies(self, boundary: str, *arguments: str) -> None:
        """Run a command that is killed at a boundary."""
        ended = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "tests.faults.command", "dlq", *arguments],
            cwd=ROOT,
            env=os.environ | self.command.environment | {"FAULT_CRASH_AT": boundary},
            capture_output=True,
            check=False,
        )
        assert ended.returncode == -9, ended.stderr

    async def letters(self, **wanted: str) -> dict[str, dict[str, Any]]:
        found = self.running.mongo["dead_letters"].find(wanted)
        return {letter["_id"]: letter async for letter in found}

    async def still(self) -> None:
        behind = await verdict.until_still(self.running.settings, self.running.mongo, 40.0)
        assert not behind, f"{behind}\n{self.running.deployment.logs()}"

    async def fix(self) -> None:
        """The release without the planted validator takes over."""
        self.running.running["worker"].kill()
        self.running.start("worker")


async def _tenant(running: Scenario, who: str) -> dict[str, Any]:
    """State, documents, history and log of a tenant, without what must differ between two."""
    found: dict[str, Any] = {}
    for name in ("ticket_state", "tickets", "ticket_history"):
        async for document in running.mongo[name].find({"tenant_id": who}):
            found[f"{name} {document['_id'].removeprefix(who)}"] = _plain(document)
    events, wrong = verdict.deduplicated(await verdict.read_log(running.settings))
    assert not wrong
    for id_, event in events.items():
        if event["tenant_id"] == who:
            found[f"event {id_.removeprefix(who)}"] = _plain(event)
    return found


def _plain(document: dict[str, Any]) -> dict[str, Any]:
    differing = ("_id", "id", "tenant_id", "cause", "digest")
    return {name: value for name, value in document.items() if name not in differing}


def _of(found: dict[str, Any], ticket: str) -> dict[str, Any]:
    return {key: value for key, value in found.items() if f":{ticket}" in key}


@pytest.mark.faults
async def test_poison_redriven_after_the_fix_leaves_what_was_left_where_it_never_failed(
    settings: Settings, tmp_path: Path
) -> None:
    async with scenario(settings, tmp_path) as running, Pipeline(running.settings) as pipeline:
        running.start("worker", planted="refuses_odd_tickets")
        running.start("projector")
        operator = Operator(running)
        for record in [*_records(POISONED), *_records(TWIN)]:
            await pipeline.produce(record, partition=1)
        await operator.still()
        await _refused(operator)
        await _planned(operator)

        await operator.fix()
        await operator.dies("letters_resent", "redrive", "--tenant", POISONED)
        waiting = await operator.letters(tenant_id=POISONED, state="waiting")
        assert len(waiting) == 8, "what died before it noted anything sends again"
        await _redriven(operator)
        again = await operator.asks("redrive", "--reason", REFUSED)
        assert [letter["outcome"] for letter in again["letters"]] == ["held_back"]
        (id_,) = await operator.letters(tenant_id=TWIN)
        assert await Letters(running.mongo).evict(id_, "never valid") is None
        await _evicted(operator, POISONED)
        await operator.dies("letters_noted", "redrive", "--all")
        assert await operator.letters(state="waiting") == {}
        assert (await operator.asks("redrive", "--all"))["letters"] == []
        await operator.still()

        await _as_if_it_had_never_failed(running)


async def _refused(operator: Operator) -> None:
    letters = await operator.letters(tenant_id=POISONED)
    assert Counter(letter["reason"] for letter in letters.values())[REFUSED] == 7
    assert len(letters) == 8
    assert len(await operator.letters(tenant_id=TWIN)) == 1
    assert {letter["state"] for letter in letters.values()} == {"waiting"}


async def _planned(operator: Operator) -> None:
    """The plan tells by today's code what a redrive would do, and writes nothing."""
    before = await _tenant(operator.running, POISONED), await operator.letters()
    raw = await verdict.ends(operator.running.settings, "tickets.raw")

    plan = await operator.asks("plan", "--tenant", POISONED)

    told = [(x["external_id"], x["outcome"], [c["field"] for c in x["changes"]]) for x in plan[
        "letters"
    ]]  # fmt: skip
    assert sorted(told) == [
        ("CREATED", "created", []),
        ("HELD", "held_back", []),
        ("HELD", "refused", []),
        ("OVERTAKEN", "stale", []),
        ("RESTORED", "restored", ["status", "deleted_at"]),
        ("TWICE", "created", []),
        ("TWICE", "updated", ["subject"]),
        ("UPDATED", "updated", ["subject", "status"]),
    ]
    assert (await _tenant(operator.running, POISONED), await operator.letters()) == before
    assert await verdict.ends(operator.running.settings, "tickets.raw") == raw


async def _redriven(operator: Operator) -> None:
    ended = await operator.does("redrive", "--tenant", POISONED)

    assert ended.returncode == 1, "one is refused, and one held back"
    assert "1 held_back, 1 refused" in ended.stdout
    letters = await operator.letters(tenant_id=POISONED)
    assert Counter(letter["state"] for letter in letters.values()) == {"redriven": 6, "waiting": 2}
    sent = {x["redriven_to"] for x in letters.values() if x["state"] == "redriven"}
    assert len(sent) == 6
    assert all(len(x["trail"]) == 1 for x in letters.values() if x["state"] == "redriven")


async def _evicted(operator: Operator, who: str) -> None:
    """An evicted letter stays, with the reason, is not sent again and holds nothing back."""
    (id_,) = [i for i, x in (await operator.letters(tenant_id=who)).items() if "day" in x["reason"]]

    assert (await operator.does("evict", id_[:20], "--reason", "never valid")).returncode == 0
    assert (await operator.does("evict", id_, "--reason", "again")).returncode == 1

    shown = await operator.asks("show", id_[:20])
    assert shown["state"] == "evicted"
    assert [(x["action"], x["reason"]) for x in shown["trail"]] == [("evicted", "never valid")]
    assert "yesterday" in shown["value"]
    redriven = await operator.asks("redrive", id_)
    assert [letter["outcome"] for letter in redriven["letters"]] == ["evicted"]


async def _as_if_it_had_never_failed(running: Scenario) -> None:
    poisoned, twin = await _tenant(running, POISONED), await _tenant(running, TWIN)
    overtaken = _of(poisoned, "OVERTAKEN")
    assert {k: v for k, v in poisoned.items() if k not in overtaken} == {
        k: v for k, v in twin.items() if k not in _of(twin, "OVERTAKEN")
    }
    history = running.mongo["ticket_history"]
    causes = Counter[str]()
    async for entry in history.find({"tenant_id": POISONED}):
        causes[entry["cause"]] += 1
        assert entry["ticket_id"] != "OVERTAKEN" or entry["cause"] == "upstream"
    assert causes == {"upstream": 6, "redrive": 6}
    assert overtaken["tickets :OVERTAKEN"]["subject"] == "third"
    assert overtaken["tickets :OVERTAKEN"]["version"] == 2


@pytest.mark.faults
async def test_a_row_of_the_helpdesk_is_redriven_as_the_crawl_would_have_sent_it(
    settings: Settings, tmp_path: Path
) -> None:
    with HelpdeskServer(HelpdeskSettings(tickets=50, limit=0)) as helpdesk:
        rows = [ticket_row(who, f"T-{n}") for who in (POISONED, TWIN) for n in range(3)]
        helpdesk.insert(*(row | {"status": "odd"} if row["id"] == "T-1" else row for row in rows))
        async with scenario(settings, tmp_path, helpdesk_url=helpdesk.url) as running:
            running.start("worker", planted="refuses_odd_tickets")
            running.start("projector")
            operator = Operator(running)
            audits = [await _crawled(running, who) for who in (POISONED, TWIN)]
            await operator.still()
            assert [audit["rejected"] for audit in audits] == [1, 0]

            await operator.fix()
            redriven = await operator.asks("redrive", "--all")
            await operator.still()

            assert [letter["outcome"] for letter in redriven["letters"]] == ["created"]
            poisoned, twin = await _tenant(running, POISONED), await _tenant(running, TWIN)
            assert _crawl_free(_of(poisoned, "T-1")) == _crawl_free(_of(twin, "T-1"))
            entry = poisoned["ticket_history :T-1:1"]
            assert entry["job_id"] == audits[0]["job_id"]
            assert (
                await running.mongo["ingestion_logs"].find_one({"tenant_id": POISONED})
                == (audits[0])
            )
            assert (await _crawled(running, POISONED))["unchanged"] == 3


async def _crawled(running: Scenario, who: str) -> dict[str, Any]:
    job = await runs_of(running).request(who)
    wanted = {"_id": job["_id"]}
    audit = await eventually(lambda: running.mongo["ingestion_logs"].find_one(wanted))
    return dict(audit)


def _crawl_free(found: dict[str, Any]) -> dict[str, Any]:
    """Without what two crawls never have in common."""
    own = ("job_id", "run", "recent", "observed_at", "changed_at", "source_event_id")
    return {key: {n: v for n, v in x.items() if n not in own} for key, x in found.items()}

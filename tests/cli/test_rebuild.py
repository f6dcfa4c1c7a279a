"""`deskstream digest`, `rebuild` and `rollback`: what an operator sees, and the exit code."""

import asyncio
import signal

import pytest

from infra.settings import Settings
from tests.cli.commands import Deskstream, is_one_line_error
from tests.integration.pipeline import eventually
from tests.projections.projected import Projected, connected, log_of_tickets, projecting

pytestmark = pytest.mark.services

EVENTS = 800
TENANT = "harbortide"


@pytest.mark.usefixtures("mongo", "topics")
async def test_the_read_models_are_made_anew_and_put_back(
    deskstream: Deskstream, settings: Settings
) -> None:
    async with connected(settings) as projected:
        await _project(projected)
        before = await asyncio.to_thread(deskstream.json, "digest", "--scan")
        rebuilt = await asyncio.to_thread(deskstream.run, "rebuild", "tickets")
        after = await asyncio.to_thread(deskstream.json, "digest")
        back = await asyncio.to_thread(deskstream.json, "rollback", "ticket_history")
        pruned = await asyncio.to_thread(deskstream.json, "rebuild", "--all", "--prune")

    assert all(one["agrees"] for one in before)
    assert sum(one["documents"] for one in before if one["model"] == "ticket_history") == EVENTS
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert "tickets and ticket_history: generation 2 is live" in rebuilt.stdout
    assert f"{EVENTS} of {EVENTS} events" in rebuilt.stderr
    assert [one["digest"] for one in after] == [one["digest"] for one in before]
    assert {one["generation"] for one in after} == {2}
    assert back == [{"models": ["tickets", "ticket_history"], "generation": 1}]
    assert [one["removed"] for one in pruned] == [[2], []]


@pytest.mark.usefixtures("mongo", "topics")
async def test_what_was_changed_by_hand_is_found_named_and_healed(
    deskstream: Deskstream, settings: Settings
) -> None:
    async with connected(settings) as projected:
        await _project(projected)
        await projected.mongo["tickets"].update_one(
            {"tenant_id": TENANT}, {"$set": {"subject": "changed by hand"}}
        )
    differing = deskstream.run("digest", "--scan")
    repaired = deskstream.run("rebuild", "tickets", "--tenant", TENANT)
    healed = deskstream.run("digest", "--scan")
    clean = deskstream.run("verify")

    assert differing.returncode == 1
    assert "DIFFERS" in differing.stdout
    assert repaired.returncode == 0, repaired.stderr
    assert f"1 documents of {TENANT} repaired" in repaired.stdout
    assert "subject" in repaired.stderr
    assert healed.returncode == clean.returncode == 0, clean.stdout


@pytest.mark.usefixtures("mongo", "topics")
async def test_ctrl_c_leaves_no_trace(deskstream: Deskstream, settings: Settings) -> None:
    async with connected(settings) as projected:
        await _project(projected)
        before = await projected.digests()
        for _ in range(10):  # until it is not done by the time that it is interrupted
            process = deskstream.start("rebuild", "tickets", "--processes", "1")
            await eventually(projected.traces, bool)
            process.send_signal(signal.SIGINT)
            _, said = await asyncio.to_thread(process.communicate, timeout=60)
            if process.returncode != 0:
                break
            await asyncio.to_thread(deskstream.run, "rebuild", "--all", "--prune")

        assert process.returncode != 0
        assert "Traceback" not in said
        assert await projected.traces() == []
        assert await projected.digests() == before
        nothing = await asyncio.to_thread(deskstream.json, "rebuild", "--all", "--cancel")
        assert [one["cancelled"] for one in nothing] == [False, False]


@pytest.mark.parametrize(
    "arguments", [(), ("--all", "tickets"), ("invoices",)], ids=["none", "both", "unknown"]
)
def test_what_is_to_be_rebuilt_must_be_said(
    deskstream: Deskstream, arguments: tuple[str, ...]
) -> None:
    assert is_one_line_error(deskstream.run("rebuild", *arguments), code=2)


@pytest.mark.usefixtures("mongo", "topics")
def test_where_nothing_was_projected_it_says_so(deskstream: Deskstream) -> None:
    ended = deskstream.run("rebuild", "tickets")

    assert is_one_line_error(ended)
    assert "start `deskstream projector`" in ended.stderr
    assert "No read model holds anything" in deskstream.run("digest").stdout


async def _project(projected: Projected) -> None:
    await projected.publish(log_of_tickets(projected.settings, EVENTS))
    async with projecting(projected.settings):
        await projected.applied()

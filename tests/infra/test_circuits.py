"""Circuits shared through a real MongoDB, by its clock; times are shrunk, counts are not."""

import asyncio
from typing import Any, Final

import pytest
from structlog.testing import capture_logs

from domain.circuit import Admission, CircuitRules, CircuitStatus
from infra import collections
from infra.circuits import Circuit, circuits_of
from infra.mongo import Mongo
from infra.settings import Settings, SettingsError, load_settings
from tests.integration.pipeline import eventually

pytestmark = pytest.mark.services

RULES: Final = CircuitRules(open_seconds=0.3, probe_seconds=0.4)
LONG: Final = CircuitRules(open_seconds=60, probe_seconds=60)


def circuit(mongo: Mongo, rules: CircuitRules = RULES, name: str = "helpdesk") -> Circuit:
    """A circuit, as a process of its own would have it."""
    return Circuit(mongo, name, rules)


async def call(circuit: Circuit, *, succeeded: bool) -> None:
    """Make a call that is let out."""
    admission = await circuit.admit()
    assert isinstance(admission, Admission)
    await circuit.report(admission, succeeded=succeeded)


async def opened(mongo: Mongo, rules: CircuitRules = RULES) -> Circuit:
    """A circuit after five failures, made by five processes."""
    for _ in range(5):
        await call(circuit(mongo, rules), succeeded=False)
    return circuit(mongo, rules)


async def probing(circuit: Circuit) -> Admission:
    """The next call that is let out."""
    admission = await eventually(circuit.admit, lambda answer: isinstance(answer, Admission))
    assert isinstance(admission, Admission)
    return admission


async def phase(circuit: Circuit) -> str:
    """Closed, open or half open."""
    return (await circuit.status()).phase


async def test_processes_agree_and_new_ones_as_well(mongo: Mongo) -> None:
    await opened(mongo, LONG)

    wait = await circuit(mongo, LONG).admit()
    status = await circuit(mongo, LONG).status()

    assert isinstance(wait, float)
    assert 50 < wait <= 60
    assert (status.phase, status.failures) == ("open", 5)
    assert status.opened_at is not None
    assert status.retry_at is not None
    assert (status.retry_at - status.opened_at).total_seconds() == 60


async def test_a_probe_that_succeeds_closes_it_for_everybody(mongo: Mongo) -> None:
    other = await opened(mongo)

    probe = await probing(circuit(mongo))
    await circuit(mongo).report(probe, succeeded=True)

    assert await other.status() == CircuitStatus("closed", 0, None, None)
    assert isinstance(await other.admit(), Admission)


async def test_a_probe_that_fails_opens_it_again(mongo: Mongo) -> None:
    other = await opened(mongo)

    await circuit(mongo).report(await probing(other), succeeded=False)

    wait = await other.admit()
    assert isinstance(wait, float)
    assert wait <= RULES.open_seconds


async def test_of_twenty_callers_exactly_one_is_admitted(mongo: Mongo) -> None:
    rules = CircuitRules(open_seconds=0.2, probe_seconds=60)
    half_open = await opened(mongo, rules)
    await eventually(lambda: phase(half_open), lambda found: found == "half_open")

    for _ in range(5):
        with capture_logs() as lines:
            answers = await asyncio.gather(*(circuit(mongo, rules).admit() for _ in range(20)))

        assert [line["event"] for line in lines] == ["circuit_probing"]
        (probe,) = [answer for answer in answers if isinstance(answer, Admission)]
        assert all(0 < wait <= 0.5 for wait in answers if isinstance(wait, float))
        await half_open.release(probe)


async def test_a_probe_that_never_reports_is_replaced(mongo: Mongo) -> None:
    hanging = await opened(mongo)
    lost = await probing(hanging)

    replacement = await probing(circuit(mongo))
    await hanging.report(lost, succeeded=True)

    assert replacement != lost
    assert await phase(hanging) == "half_open"
    await circuit(mongo).report(replacement, succeeded=True)
    assert await phase(hanging) == "closed"


async def test_a_probe_keeps_its_time(mongo: Mongo) -> None:
    other = await opened(mongo)
    loop = asyncio.get_running_loop()
    await probing(other)
    began = loop.time()

    await probing(other)

    assert loop.time() - began >= RULES.probe_seconds - 0.1


async def test_results_of_calls_begun_earlier_are_ignored(mongo: Mongo) -> None:
    slow = circuit(mongo)
    early = [await slow.admit() for _ in range(12)]
    await opened(mongo)
    await slow.report(await probing(slow), succeeded=True)

    for admission in early:
        assert isinstance(admission, Admission)
        await slow.report(admission, succeeded=False)

    assert await slow.status() == CircuitStatus("closed", 0, None, None)


async def test_failures_at_the_same_time_are_all_counted(mongo: Mongo) -> None:
    rules = CircuitRules(failures=100, window=100)

    await asyncio.gather(*(call(circuit(mongo, rules), succeeded=False) for _ in range(25)))

    assert (await circuit(mongo, rules).status()).failures == 25


async def test_a_reset_closes_it_and_forgets(mongo: Mongo) -> None:
    other = await opened(mongo, LONG)

    await circuit(mongo, LONG).reset()

    assert await other.status() == CircuitStatus("closed", 0, None, None)
    await call(other, succeeded=True)


async def test_circuits_do_not_touch_each_other(mongo: Mongo) -> None:
    await opened(mongo, LONG)

    await call(circuit(mongo, LONG, "notify"), succeeded=True)


async def test_asking_makes_nothing(mongo: Mongo) -> None:
    for number in range(1000):
        unknown = circuit(mongo, name=f"unknown-{number}")
        admission = await unknown.admit()
        assert isinstance(admission, Admission)
        await unknown.report(admission, succeeded=True)
        await unknown.release(admission)
        assert await phase(unknown) == "closed"

    assert await mongo[collections.CIRCUITS].count_documents({}) == 0


async def test_while_all_goes_well_nothing_is_written(mongo: Mongo) -> None:
    calm = circuit(mongo)
    await calm.reset()
    await mongo.database.command("profile", 2)

    await call(calm, succeeded=True)

    await mongo.database.command("profile", 0)
    wanted = {"ns": mongo[collections.CIRCUITS].full_name}
    operations = await mongo.database["system.profile"].find(wanted).to_list(None)
    assert [operation["op"] for operation in operations] == ["query", "query"]


async def test_changes_of_state_are_logged_once(mongo: Mongo) -> None:
    with capture_logs() as lines:
        other = await opened(mongo)
        await circuit(mongo).report(await probing(other), succeeded=True)

    wanted: list[dict[str, Any]] = [
        {"event": "circuit_opened", "log_level": "warning", "name": "helpdesk", "failures": 5},
        {"event": "circuit_probing", "log_level": "info", "name": "helpdesk"},
        {"event": "circuit_closed", "log_level": "info", "name": "helpdesk"},
    ]
    assert lines == wanted


async def test_who_never_gets_a_turn_gives_up(
    mongo: Mongo, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlucky = await opened(mongo)
    documents = mongo[collections.CIRCUITS]
    find = unlucky._read

    async def overtaken() -> Any:
        reading = await find()
        await documents.update_one({"_id": "helpdesk"}, {"$inc": {"revision": 1}})
        return reading

    monkeypatch.setattr(unlucky, "_read", overtaken)
    await unlucky.reset()

    assert await phase(circuit(mongo)) in {"open", "half_open"}


async def test_the_rules_are_those_of_the_settings(mongo: Mongo, settings: Settings) -> None:
    changed = settings.model_copy(
        update={"breaker_failures": 2, "breaker_window": 3, "breaker_open_seconds": 4}
    )

    circuits = circuits_of(mongo, changed)

    assert set(circuits) == {"helpdesk", "notify"}
    assert circuits["helpdesk"].rules == CircuitRules(2, 3, 4, probe_seconds=30)
    assert circuits["notify"].rules == CircuitRules(2, 3, 4, probe_seconds=20)


def test_a_window_too_small_to_ever_open_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONGODB_URI", "mongodb://someone:hidden@127.0.0.1/")
    monkeypatch.setenv("BREAKER_FAILURES", "11")

    with pytest.raises(SettingsError) as refused:
        load_settings()

    sentence = str(refused.value)
    assert sentence.startswith("BREAKER_WINDOW=10: ")
    assert sentence.endswith("is at least BREAKER_FAILURES, which is 11")
    assert "hidden" not in sentence
    monkeypatch.setenv("BREAKER_WINDOW", "11")
    assert load_settings().breaker_window == 11


@pytest.mark.parametrize("url", ["ftp://token", "http://", "http://token[", "http://h:99999999"])
def test_a_wrong_notify_url_is_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("NOTIFY_URL", url)

    with pytest.raises(SettingsError, match=r"^NOTIFY_URL: ") as refused:
        load_settings()

    assert "token" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BREAKER_FAILURES", "0"),
        ("BREAKER_WINDOW", "many"),
        ("BREAKER_OPEN_SECONDS", "0"),
        ("BREAKER_OPEN_SECONDS", "inf"),
        ("BREAKER_OPEN_SECONDS", "nan"),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError, match=f"^{name}="):
        load_settings()

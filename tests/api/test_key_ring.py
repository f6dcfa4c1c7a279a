"""The key ring: whom it lets in, for how long, and what strangers cost."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from pymongo.errors import AutoReconnect

from api import key_ring
from api.errors import KeyRefusedError, KeyRequiredError
from api.key_ring import TRUSTED_SECONDS, KeyRing
from domain.access import ANYBODY, EVERY_SCOPE
from domain.api_keys import Admission, ApiKey, admissions, written
from domain.errors import DependencyDownError
from infra.api_key_documents import NewSecret, new_key
from infra.api_keys import ApiKeys


class Kept:
    """Keys that are kept somewhere, and how often somebody asked for them."""

    def __init__(self) -> None:
        self.keys: dict[str, ApiKey] = {}
        self.uses: list[tuple[set[str], datetime]] = []
        self.is_away = False
        self.asked = self.at_once = self.most_at_once = self.changes = 0
        self.answers = asyncio.Event()
        self.answers.set()
        self.began = asyncio.Event()

    def make(self, expires_at: datetime | None = None) -> str:
        made: NewSecret = new_key("acme", EVERY_SCOPE, None, expires_at)
        self.keys[made.key.id] = made.key
        self.changes += 1
        return made.text

    def revoke_all(self) -> None:
        now = datetime.now(UTC)
        self.keys = {name: key._replace(revoked_at=now) for name, key in self.keys.items()}
        self.changes += 1

    async def revision(self) -> str | None:
        self.asked += 1
        self.began.set()
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        changes = self.changes
        try:
            await self.answers.wait()
            await asyncio.sleep(0)
        finally:
            self.at_once -= 1
        self._check()
        return str(changes) if changes else None

    async def find_all(self) -> list[ApiKey]:
        return list(self.keys.values())

    async def any_exists(self) -> bool:
        return bool(self.keys)

    async def note_use(self, key_ids: Iterable[str], minute: datetime) -> None:
        self._check()
        if noted := set(key_ids):
            self.uses.append((noted, minute))

    def _check(self) -> None:
        if self.is_away:
            raise AutoReconnect("away")


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        self.now += 1e-6
        return self.now


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def ring_of(kept: Kept, clock: Clock, *, is_local: bool = True) -> KeyRing:
    return KeyRing(cast("ApiKeys", kept), is_local=is_local, clock=clock)


async def test_a_known_key_costs_no_question(kept: Kept, clock: Clock) -> None:
    ring, key = ring_of(kept, clock), kept.make()
    await ring.caller(key)
    asked = kept.asked

    callers = {await ring.caller(key) for _ in range(1_000)}

    assert {caller.tenant_id for caller in callers} == {"acme"}
    assert kept.asked == asked


async def test_a_revoked_key_stops_within_seconds(kept: Kept, clock: Clock) -> None:
    ring, key = ring_of(kept, clock), kept.make()
    await ring.caller(key)
    kept.revoke_all()

    clock.now += TRUSTED_SECONDS + 1

    with pytest.raises(KeyRefusedError):
        await ring.caller(key)


async def test_a_ring_that_only_learns_is_noticed(
    kept: Kept, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bug on purpose: what was let in once is let in for ever."""
    known: dict[bytes, Admission] = {}

    def learnt(keys: Iterable[ApiKey]) -> dict[bytes, Admission]:
        known.update(admissions(keys))
        return known

    monkeypatch.setattr(key_ring, "admissions", learnt)

    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        await test_a_revoked_key_stops_within_seconds(kept, clock)


async def test_the_watch_looks_without_being_asked(
    kept: Kept, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_ring, "LOOK_SECONDS", 0)
    ring, key = ring_of(kept, clock), kept.make()
    await ring.caller(key)
    watching = asyncio.create_task(ring.watch())
    kept.revoke_all()

    for _ in range(3):
        kept.began.clear()
        await kept.began.wait()

    with pytest.raises(KeyRefusedError):
        await ring.caller(key)
    watching.cancel()


async def test_a_key_made_a_moment_ago_is_let_in(kept: Kept, clock: Clock) -> None:
    ring = ring_of(kept, clock)
    await ring.caller(kept.make())

    assert (await ring.caller(kept.make())).tenant_id == "acme"


async def test_a_look_that_had_begun_does_not_count(kept: Kept, clock: Clock) -> None:
    """It may have missed the key that was made while it was on its way."""
    ring = ring_of(kept, clock)
    await ring.caller(kept.make())
    kept.answers.clear()
    kept.began.clear()
    earlier = asyncio.create_task(ring.caller(written(bytes(32))))
    await kept.began.wait()
    key = kept.make()
    asking = asyncio.create_task(ring.caller(key))
    await asyncio.sleep(0)  # it joins the look that is under way

    kept.answers.set()

    assert (await asking).tenant_id == "acme"
    with pytest.raises(KeyRefusedError):
        await earlier


async def test_strangers_leave_nothing_behind_and_ask_one_at_a_time(
    kept: Kept, clock: Clock
) -> None:
    ring = ring_of(kept, clock)
    await ring.caller(kept.make())
    size = len(ring._admissions) + len(ring._used)

    guesses = (written(n.to_bytes(32, "big")) for n in range(2_000))
    answers = await asyncio.gather(*map(ring.caller, guesses), return_exceptions=True)

    assert {type(answer) for answer in answers} == {KeyRefusedError}
    assert len(ring._admissions) + len(ring._used) == size
    assert kept.most_at_once == 1


async def test_what_has_not_the_form_of_a_key_asks_nobody(kept: Kept, clock: Clock) -> None:
    ring, key = ring_of(kept, clock), kept.make()
    await ring.caller(key)
    asked = kept.asked

    for text in ("", "guess", key[:-1], key + "0", key.lower()):
        with pytest.raises(KeyRefusedError):
            await ring.caller(text)

    assert kept.asked == asked


async def test_while_nobody_can_be_asked_what_was_just_seen_is_good(
    kept: Kept, clock: Clock
) -> None:
    ring, key = ring_of(kept, clock), kept.make()
    await ring.caller(key)
    kept.is_away = True

    assert (await ring.caller(key)).tenant_id == "acme"
    with pytest.raises(DependencyDownError):
        await ring.caller(written(bytes(32)))
    clock.now += TRUSTED_SECONDS + 1
    with pytest.raises(DependencyDownError):
        await ring.caller(key)
    kept.is_away = False
    assert (await ring.caller(key)).tenant_id == "acme"


async def test_who_trusts_longer_is_answered_while_nobody_can_be_asked(
    kept: Kept, clock: Clock
) -> None:
    ring, key = ring_of(kept, clock), kept.make()
    await ring.caller(key)
    kept.is_away = True
    clock.now += 600

    assert (await ring.caller(key, trusted=3_600)).tenant_id == "acme"
    with pytest.raises(DependencyDownError):
        await ring.caller(key)
    clock.now += 3_600
    with pytest.raises(DependencyDownError):
        await ring.caller(key, trusted=3_600)


@pytest.mark.parametrize("token", [None, "guess", written(bytes(32))])
async def test_before_anybody_could_be_asked_nobody_is_let_in(
    kept: Kept, clock: Clock, token: str | None
) -> None:
    kept.is_away = True

    with pytest.raises(DependencyDownError):
        await ring_of(kept, clock).caller(token)


async def test_whoever_does_not_answer_is_waited_for_a_while(
    kept: Kept, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_ring, "_PATIENCE_SECONDS", 0.02)
    ring = ring_of(kept, clock)
    kept.answers.clear()

    with pytest.raises(DependencyDownError):
        await ring.caller(None)
    with pytest.raises(DependencyDownError):
        await ring.caller(kept.make())

    assert kept.asked == 1  # both waited for one look
    await ring.close()


async def test_without_any_key_only_this_machine_is_let_in(kept: Kept, clock: Clock) -> None:
    assert await ring_of(kept, clock).caller(None) == ANYBODY
    with pytest.raises(KeyRequiredError):
        await ring_of(kept, clock, is_local=False).caller(None)


async def test_the_first_key_closes_what_was_open_for_good(kept: Kept, clock: Clock) -> None:
    ring = ring_of(kept, clock)
    assert await ring.caller(None) == ANYBODY
    kept.make()
    clock.now += TRUSTED_SECONDS + 1
    with pytest.raises(KeyRequiredError):
        await ring.caller(None)

    kept.revoke_all()
    clock.now += TRUSTED_SECONDS + 1

    with pytest.raises(KeyRequiredError):
        await ring.caller(None)
    with pytest.raises(KeyRequiredError):
        await ring_of(kept, clock).caller(None)


async def test_a_key_expires_without_anybody_looking(kept: Kept, clock: Clock) -> None:
    end = datetime.now(UTC) + timedelta(days=1)
    today = [end.timestamp() - 1]
    key = kept.make(end)
    ring = KeyRing(cast("ApiKeys", kept), is_local=True, clock=clock, wall_clock=lambda: today[0])
    await ring.caller(key)
    asked = kept.asked

    today[0] += 1

    with pytest.raises(KeyRefusedError):
        await ring.caller(key)
    assert kept.asked == asked


async def test_a_use_is_noted_once_a_minute_and_not_lost(kept: Kept, clock: Clock) -> None:
    noon = datetime(2026, 1, 31, 12, tzinfo=UTC)
    today = [noon.timestamp() + 59]
    ring = KeyRing(cast("ApiKeys", kept), is_local=True, clock=clock, wall_clock=lambda: today[0])
    key = kept.make()
    await ring.caller(key)
    kept.is_away = True
    await ring.close()
    kept.is_away = False

    for _ in range(3):
        await ring.close()
        await ring.caller(key)
    today[0] += 1
    await ring.close()

    noted = {*kept.keys}
    assert kept.uses == [(noted, noon), (noted, noon + timedelta(minutes=1))]

"""The naive fold, and how differences are told: pure, and by digest."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import UndecodableEventError
from projections.differences import field_differences
from projections.known_keys import KnownKeys
from projections.log_facts import read_change
from projections.naive_fold import Fold, digest
from tests.domain.golden_bytes import golden, with_future_members
from tests.projections.written_log import change

_words = st.text(alphabet="ab:é\n", max_size=3)
_values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | _words,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_words, inner, max_size=3),
    max_leaves=6,
)
_documents = st.dictionaries(_words, _values, max_size=4)


def _folded(*events: dict[str, Any]) -> Fold:
    fold = Fold()
    for event in events:
        value = json.dumps(event).encode()
        fact = read_change(value)
        assert fact is not None
        fold.add(fact, value)
    return fold


@given(_documents, _documents, st.randoms(use_true_random=False))
def test_digests_and_named_fields_agree_on_what_is_equal(
    one: dict[str, Any], other: dict[str, Any], chance: Any
) -> None:
    shuffled = list(one.items())
    chance.shuffle(shuffled)

    assert digest(dict(shuffled)) == digest(one)
    assert (digest(one) == digest(other)) == (not list(field_differences(one, other)))


@given(st.permutations(range(1, 5)), st.integers(0, 3))
def test_versions_count_up_to_the_first_that_does_not_follow(order: list[int], repeat: int) -> None:
    events = [change("T-1", version) for version in order]
    events.append(events[repeat])
    fold = _folded(*events)

    follows = 0
    for version in order:
        if version != follows + 1:
            break
        follows = version
    assert fold.expected("acme:T-1").version == follows
    assert fold.suspects == (set() if order == [1, 2, 3, 4] else {"acme:T-1"})


def test_a_repeat_must_be_the_same_bytes_however_late() -> None:
    events = [change("T-1", version) for version in (1, 2, 3)]

    assert not _folded(*events, events[0]).suspects
    assert _folded(*events, events[0] | {"cause": "crawl"}).suspects == {"acme:T-1"}


def test_instants_are_compared_by_what_mongodb_keeps() -> None:
    one, other = (
        _folded(change("T-1", 1, deleted_at=text)).expected("acme:T-1")
        for text in ("2026-11-20T10:00:00.123456Z", "2026-11-20T11:00:00.123+01:00")
    )

    assert one == other


@pytest.mark.parametrize("value", golden("changes"))
def test_every_change_that_was_ever_released_is_read(value: bytes) -> None:
    assert read_change(value) == read_change(with_future_members(value))


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"[]",
        b'{"kind": "change"}',
        json.dumps(change("T-1", 0)).encode(),
        json.dumps(change("T-1", 1) | {"schema_version": 99}).encode(),
        json.dumps(change("T-1", 1, created_at="2026-11-20T10:00:00")).encode(),
        json.dumps(change("T-1", 1) | {"ticket": None}).encode(),
    ],
)
def test_what_says_nothing_is_an_error(value: bytes | None) -> None:
    with pytest.raises(UndecodableEventError):
        read_change(value)


def test_no_text_of_a_ticket_is_shown() -> None:
    moment = datetime(2026, 11, 20, tzinfo=UTC)
    texts = ("my password is hunter2", "my password is hunter3")
    one, other = (
        {
            "subject": text,
            "message": text,
            "classification": {"matched": [{"rule": "r", "text": text}]},
            "changes": [{"field": "message", "old": text, "new": None}],
            "odd": {"message": text},
            "changed_at": moment,
        }
        for text in texts
    )
    told = [
        *field_differences(one, other),
        *field_differences({}, one),
        *field_differences(one, {}),
        *field_differences(one, one | {"subject": [texts[1]]}),
    ]

    assert len(told) > 10
    assert "hunter" not in str(told)


@given(st.lists(_words), st.lists(_words), _words)
def test_known_keys_are_those_that_were_added(
    first: list[str], later: list[str], asked: str
) -> None:
    known = KnownKeys()
    known.add(first)
    known.sort()
    for key in later:
        known.note(key)

    assert (asked in known) == (asked in first or asked in later)
    assert all(key in known for key in [*first, *later])

"""A log without what was erased: the same records, and a second opinion on each of them."""

from typing import Any

import msgspec
import pytest
from hypothesis import given

from domain.errors import UndecodableEventError
from domain.events import encode
from domain.log_rewriting import Erasures
from infra.kafka import Record
from projections.rewritten_records import objection
from tests.domain.erasures import NEEDLES, erased_lives, fold
from tests.domain.strategies import observed
from tests.domain.test_erasure import LIFT, REQUEST

KEY = b"acme:T-1"
_, LOG = fold([
    observed(1, message="needlemessage", event_id="e-1"), REQUEST, LIFT,
    observed(61, message="Back.", event_id="e-2"),
])  # fmt: skip


def _erasures(log: list[bytes]) -> Erasures:
    found = Erasures()
    for value in log:
        found.note(value)
    return found


def _record(offset: int, value: bytes, **other: Any) -> Record:
    return Record(0, offset, KEY, value, (("type", b"x"),), 17)._replace(**other)


@given(erased_lives())
def test_of_what_is_before_the_last_erasure_no_byte_is_left_and_the_rest_is_the_same(
    life: Any,
) -> None:
    events = fold(life)[1]
    log = [encode(event) for event in events]
    last = max((e.version for e in events if e.type == "erased"), default=0)
    erasures = _erasures(log)

    rewritten = [erasures.rewritten(KEY, value) for value in log]

    before = b"".join(rewritten[:last])
    assert not [needle for needle in NEEDLES if needle.encode() in before]
    assert rewritten[last:] == log[last:]
    pairs = zip(log, rewritten, strict=True)
    assert [objection(_record(n, a), _record(n, b)) for n, (a, b) in enumerate(pairs)] == (
        [None] * len(log)
    )
    assert [erasures.rewritten(KEY, value) for value in rewritten] == rewritten


def test_other_tickets_and_markers_stay_byte_for_byte() -> None:
    erasures = _erasures([encode(event) for event in LOG])

    assert erasures.rewritten(b"acme:T-2", b"whatever") == b"whatever"
    assert erasures.rewritten(None, b"a marker") == b"a marker"


def test_what_only_says_so_in_a_text_is_no_erasure() -> None:
    _, log = fold([observed(1, message='"type":"erased"')])

    assert len(_erasures([encode(event) for event in log])) == 0


def test_a_record_that_cannot_be_rewritten_stops_it() -> None:
    erasures = _erasures([encode(event) for event in LOG])

    with pytest.raises(UndecodableEventError):
        erasures.rewritten(KEY, b"{}")
    with pytest.raises(UndecodableEventError):
        erasures.rewritten(b"acme:T-2", None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": b"acme:T-2"},
        {"offset": 2},
        {"timestamp": 18},
        {"headers": ()},
        {"value": encode(LOG[0]).replace(b'"version":1', b'"version":2')},
        {"value": encode(LOG[1])},
    ],
)
def test_the_second_opinion_names_what_is_wrong(wrong: dict[str, Any]) -> None:
    old = _record(1, encode(LOG[0]))

    assert objection(old, old._replace(**wrong)) is not None


def test_the_second_opinion_finds_a_value_in_whatever_member_it_stands() -> None:
    said = msgspec.json.decode(encode(LOG[0]))
    said["members_of_later"] = said["ticket"]["message"]
    blank = msgspec.json.decode(_erasures([encode(e) for e in LOG]).rewritten(KEY, encode(LOG[0])))
    left = {**blank, "members_of_later": said["ticket"]["message"]}

    found = objection(_record(0, msgspec.json.encode(said)), _record(0, msgspec.json.encode(left)))

    assert found == "it holds something that was erased"


def test_other_erasures_have_another_fingerprint() -> None:
    log = [encode(event) for event in LOG]

    assert _erasures(log).fingerprint() == _erasures([*log, *log]).fingerprint()
    assert _erasures(log).fingerprint() != _erasures([]).fingerprint()

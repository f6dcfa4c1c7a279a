"""The published schemas tell the truth: what they allow is read, what is refused they refuse."""

import json
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator, meta

from dev.contracts.event_schemas import event_schemas
from domain import events
from domain.cloudevents import RawRecord, read_raw
from domain.errors import RejectedRecordError, UndecodableEventError
from domain.records import Origin, decode_record, encode_record
from domain.runs import decode_audit, encode_audit
from infra.dead_letters import DeadLetter, of_record, outgoing
from infra.kafka import Record
from tests.dev.schema_values import TEXT, values_of
from tests.domain import test_cloudevents as envelopes
from tests.domain import test_observations as observations
from tests.domain.test_cloudevents import DELETION, ENVELOPE
from tests.domain.test_observations import ROW

HEADERS_SCHEMA = "dead-letter-headers"
GOLDEN = Path(__file__).parents[1] / "domain" / "golden"
SCHEMAS = event_schemas()
VALIDATORS = {name: Draft202012Validator(schema) for name, schema in SCHEMAS.items()}
VALUES = {name: values_of(schema) for name, schema in SCHEMAS.items() if name != HEADERS_SCHEMA}
RAW = ("ticket-observed", "ticket-deleted", "run-ended")
INSTANT = re.compile(r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})")


def is_allowed(name: str, value: Any) -> bool:
    """True if the schema allows it; text that UTF-8 cannot hold is no JSON to begin with."""
    try:
        return VALIDATORS[name].is_valid(value)
    except UnicodeEncodeError:
        return False


def read(value: Any) -> None:
    """Read an envelope as the classifier does."""
    body = json.dumps(value, ensure_ascii=False).encode()
    read_raw(RawRecord(Origin(0, 0, 0), None, body, (), 0))


def has_impossible_day(value: Any) -> bool:
    """True if it names a day that no calendar has, or that an offset moves beyond all calendars."""
    for found in INSTANT.finditer(json.dumps(value)):
        try:
            year = datetime.fromisoformat(found["day"]).year
        except ValueError:
            return True
        if year in (1, 9999):
            return True
    return False


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_one(name: str) -> None:
    meta.validate(SCHEMAS[name])

    assert SCHEMAS[name]["$id"] == f"urn:deskstream:schema:{name}"


@pytest.mark.parametrize("name", RAW)
@given(data=st.data())
def test_whatever_the_schema_of_a_raw_record_allows_is_read(name: str, data: Any) -> None:
    value = data.draw(VALUES[name])
    assume(is_allowed(name, value))  # what no shape says: a deletion by a run has its evidence

    if has_impossible_day(value):
        with suppress(RejectedRecordError):
            read(value)
    else:
        read(value)


def cases(test: Any) -> list[Any]:
    """What another test is parametrised by: changes, and why they are refused."""
    [mark] = test.pytestmark
    return list(mark.args[1])


@pytest.mark.parametrize(
    ("changes", "reason"), cases(observations.test_a_broken_member_is_refused_by_name)
)
def test_what_is_no_ticket_is_none_by_the_schema(changes: dict[str, Any], reason: str) -> None:
    assert is_allowed("ticket-observed", ENVELOPE)
    assert not is_allowed("ticket-observed", ENVELOPE | {"data": ROW | changes})


@pytest.mark.parametrize("member", ["id", "tenant_id", "status", "created_at"])
def test_what_a_ticket_needs_the_schema_asks_for(member: str) -> None:
    row = {name: value for name, value in ROW.items() if name != member}

    assert not is_allowed("ticket-observed", ENVELOPE | {"data": row})


@pytest.mark.parametrize(
    ("changes", "reason"), cases(envelopes.test_a_broken_attribute_is_refused_by_name)
)
def test_what_is_no_envelope_is_none_by_the_schema(changes: dict[str, Any], reason: str) -> None:
    assert not is_allowed("ticket-observed", ENVELOPE | changes)


@pytest.mark.parametrize(
    ("changes", "reason"), cases(envelopes.test_a_broken_deletion_is_refused_by_name)
)
def test_what_is_no_deletion_is_none_by_the_schema(changes: Any, reason: str) -> None:
    data = None if changes is None else DELETION["data"] | changes

    assert is_allowed("ticket-deleted", DELETION)
    assert not is_allowed("ticket-deleted", DELETION | {"data": data})


def test_a_run_that_reports_a_deletion_says_how_it_knows() -> None:
    by_run = DELETION | {"jobid": "j-1"}

    assert not is_allowed("ticket-deleted", by_run)
    assert is_allowed("ticket-deleted", by_run | {"detectedby": "two_absences"})


@pytest.mark.parametrize("number", [0, -(2**63), 2**63 - 1])
def test_an_integer_is_an_identifier(number: int) -> None:
    value = ENVELOPE | {"data": ROW | {"id": number, "customer_id": number}}

    assert is_allowed("ticket-observed", value)
    read(value)


def test_a_fraction_is_the_one_thing_that_only_the_words_exclude() -> None:
    """JSON Schema knows no difference between 7 and 7.0; the description of `id` does."""
    value = ENVELOPE | {"data": ROW | {"id": 7.0}}

    assert is_allowed("ticket-observed", value)
    with pytest.raises(RejectedRecordError, match=r"^id: 7\.0 is no identifier$"):
        read(value)


def golden(name: str) -> list[Any]:
    return [json.loads(line) for line in (GOLDEN / f"{name}.jsonl").read_text().splitlines()]


def schema_name(value: Any) -> str:
    """The schema of a record of `tickets.changes`."""
    return "change-event" if value["kind"] == "change" else "run-marker"


def test_everything_that_was_ever_written_is_valid() -> None:
    raw = [(value["type"].replace(".", "-"), value) for value in golden("raw")]
    changes = [(schema_name(value), value) for value in golden("changes")]
    classified = [("classified-record", value) for value in golden("classified")]
    audits = [("run-audit", value) for value in golden("audits")]

    written = raw + changes + classified + audits
    assert len(written) >= 10
    for name, value in written:
        VALIDATORS[name].validate(value)


@pytest.mark.parametrize("kind", ["change-event", "run-marker"])
@given(data=st.data())
def test_whatever_the_schemas_of_the_log_allow_is_read(kind: str, data: Any) -> None:
    _reads(kind, data, events.decode, events.encode)


@given(data=st.data())
def test_whatever_the_schema_of_classified_records_allows_is_read(data: Any) -> None:
    _reads("classified-record", data, decode_record, encode_record)


@given(data=st.data())
def test_whatever_the_schema_of_audits_allows_is_read(data: Any) -> None:
    _reads("run-audit", data, decode_audit, encode_audit)


def _reads(
    name: str, data: Any, decode: Callable[[bytes], Any], encode: Callable[[Any], bytes]
) -> None:
    """What is allowed is read; what is written of it is allowed."""
    value = data.draw(VALUES[name])
    try:
        record = decode(json.dumps(value).encode())
    except UndecodableEventError:
        assert has_impossible_day(value)
    else:
        VALIDATORS[name].validate(json.loads(encode(record)))


@pytest.mark.parametrize("member", sorted(golden("changes")[0]))
def test_an_event_that_lacks_anything_is_none(member: str) -> None:
    value = {name: some for name, some in golden("changes")[0].items() if name != member}

    assert not is_allowed("change-event", value)


HEADERS = st.lists(st.tuples(st.text(TEXT, max_size=30), st.binary(max_size=30)), max_size=5)
LETTERS = st.builds(
    DeadLetter,
    position=st.text(TEXT),
    reason=st.text(TEXT),
    key=st.none() | st.binary(),
    value=st.binary(),
    headers=HEADERS,
    timestamp=st.none() | st.integers(-(10**14), 10**14),
)
RECORDS = st.builds(
    Record,
    partition=st.integers(0, 100),
    offset=st.integers(0, 10**9),
    key=st.none(),
    value=st.none() | st.binary(),
    headers=HEADERS,
    timestamp=st.integers(0, 10**13),
)


@given(LETTERS | st.builds(of_record, st.just("tickets.raw"), RECORDS, st.text(TEXT)))
def test_every_dead_letter_has_the_headers_that_the_schema_names(letter: DeadLetter) -> None:
    headers = {name: value.decode(errors="replace") for name, value in outgoing(letter).headers}

    VALIDATORS[HEADERS_SCHEMA].validate(headers)

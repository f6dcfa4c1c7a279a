"""Events of every version there was read as today's; those of a later one stop who cannot."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from domain import events
from domain.errors import NewerEventError, UndecodableEventError
from domain.events import ChangeEvent, decode
from domain.upcasting import Upcaster, upcast
from tests.domain.golden_bytes import golden

GOLDEN = [line for line in golden("changes") if b'"kind":"change"' in line]


def _version_1_to_2(members: dict[str, Any]) -> dict[str, Any]:
    """As if version 2 had named what found a change in other words."""
    return members | {"detected_by": members["detected_by"].upper()}


def _version_2_to_3(members: dict[str, Any]) -> dict[str, Any]:
    return members | {"detected_by": f"{members['detected_by']}, read as version 3"}


STEPS: Mapping[int, Upcaster] = {1: _version_1_to_2, 2: _version_2_to_3}


@pytest.fixture
def later_release(monkeypatch: pytest.MonkeyPatch) -> None:
    """A release whose events have version 3."""
    monkeypatch.setattr(events, "SCHEMA_VERSION", 3)
    monkeypatch.setattr(events, "READ_AS_THEY_ARE", frozenset({3}))
    monkeypatch.setattr(events, "UPCASTERS", STEPS)


@pytest.mark.usefixtures("later_release")
@pytest.mark.parametrize("line", GOLDEN)
def test_every_event_that_was_ever_written_reads_as_a_later_one(line: bytes) -> None:
    written = json.loads(line)

    event = decode(line)

    assert isinstance(event, ChangeEvent)
    assert (event.id, event.version, event.schema_version) == (
        written["id"],
        written["version"],
        3,
    )
    steps = ("", written["detected_by"].upper(), written["detected_by"])
    assert event.detected_by == f"{steps[written['schema_version']]}, read as version 3"


@pytest.mark.usefixtures("later_release")
def test_a_shape_that_no_longer_decodes_is_upcast_before_it_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def with_ticket(members: dict[str, Any]) -> dict[str, Any]:
        return members | {"ticket": members["body"]}

    monkeypatch.setattr(events, "UPCASTERS", {1: with_ticket, 2: _version_2_to_3})
    written = json.loads(GOLDEN[0])
    body = written.pop("ticket")

    event = decode(json.dumps(written | {"body": body}).encode())

    assert isinstance(event, ChangeEvent)
    assert event.ticket.subject == body["subject"]


def test_an_event_of_a_later_release_is_no_dead_letter() -> None:
    later = json.loads(GOLDEN[0]) | {"schema_version": 3, "ticket": {"shape": "unknown"}}

    with pytest.raises(NewerEventError, match="schema_version 3, this release reads up to 2"):
        decode(json.dumps(later).encode())


def test_an_event_that_says_nothing_of_an_erasure_is_read_by_releases_before_there_were_any() -> (
    None
):
    versions = {json.loads(line)["type"]: json.loads(line)["schema_version"] for line in GOLDEN[:4]}

    assert versions == dict.fromkeys(("created", "updated", "deleted", "restored"), 1)
    assert [json.loads(line)["schema_version"] for line in GOLDEN[4:]] == [2, 2]


@pytest.mark.parametrize("version", [0, -1, "1", None, True, 1.5])
def test_a_version_that_never_was_is_undecodable(version: object) -> None:
    with pytest.raises(UndecodableEventError):
        decode(json.dumps(json.loads(GOLDEN[0]) | {"schema_version": version}).encode())
    with pytest.raises(UndecodableEventError):
        upcast({"schema_version": version}, 3, {2: _version_2_to_3})

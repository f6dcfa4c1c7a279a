"""The example of a reader of the log: whatever is delivered, each version counts once."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.changes_consumer import Effect, Entry, Table


def event(version: int, key: str = "T-1", **fields: object) -> bytes:
    known = {"kind": "change", "id": f"{key}:{version}", "schema_version": 1, "tenant_id": "acme"}
    ticket = {"subject": f"version {version}"}
    return json.dumps(
        {**known, "external_id": key, "version": version, "ticket": ticket, **fields}
    ).encode()


def versions(table: Table) -> dict[str, int]:
    return dict(table._db.execute("SELECT key, version FROM tickets"))


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Table]:
    made = Table(str(tmp_path / "tickets.db"))
    yield made
    made._db.close()


def taken(table: Table, *values: bytes, start: int = 0) -> list[Effect]:
    return table.take(Entry(0, start + number, value) for number, value in enumerate(values))


def test_versions_that_follow_each_other_are_applied(table: Table) -> None:
    assert taken(table, event(1), event(2), event(3)) == ["applied"] * 3
    assert versions(table) == {"acme:T-1": 3}
    assert table.next_offset(0) == 3


def test_a_duplicate_that_comes_late_changes_nothing(table: Table) -> None:
    assert taken(table, event(1), event(2), event(1), event(2)) == [
        *("applied", "applied", "known", "known")
    ]
    assert versions(table) == {"acme:T-1": 2}


def test_behind_a_gap_a_ticket_waits_and_others_go_on(table: Table) -> None:
    effects = taken(table, event(1), event(3), event(4), event(1, "T-2"))

    assert effects == ["applied", "parked", "parked", "applied"]
    assert versions(table) == {"acme:T-1": 1, "acme:T-2": 1}
    assert taken(table, event(2), start=4) == ["applied"]
    assert versions(table) == {"acme:T-1": 4, "acme:T-2": 1}


def test_markers_of_runs_are_passed_over(table: Table) -> None:
    assert taken(table, b'{"kind": "run.ended"}', event(1)) == ["applied"]
    assert table.next_offset(0) == 2


def test_an_event_of_a_later_release_stops_it_before_anything_is_kept(table: Table) -> None:
    with pytest.raises(SystemExit, match="of a later release"):
        taken(table, event(1), event(2, schema_version=3))

    assert (versions(table), table.next_offset(0)) == ({}, 0)


def test_what_was_kept_is_there_after_a_restart(table: Table, tmp_path: Path) -> None:
    taken(table, event(1), event(3))
    table._db.close()

    again = Table(str(tmp_path / "tickets.db"))

    assert (again.next_offset(0), versions(again)) == (2, {"acme:T-1": 1})
    assert taken(again, event(2), start=2) == ["applied"]
    assert versions(again) == {"acme:T-1": 3}
    again._db.close()

"""Runs counted in the log, and held against what their markers say."""

from typing import Any

import pytest

from domain.events import RunMarker, Tally
from domain.run_counts import RunCounts


def entry(
    action: str, job_id: str | None = "j", cause: str = "crawl", tenant_id: str = "acme"
) -> dict[str, Any]:
    """An entry of `ticket_history`, as far as it is looked at."""
    return {"action": action, "job_id": job_id, "cause": cause, "tenant_id": tenant_id}


def marker(job_id: str = "j", **tally: int) -> RunMarker:
    """The end of a run on a partition."""
    return RunMarker(
        job_id=job_id,
        tenant_id="acme",
        outcome="SUCCESS",
        partition=0,
        partitions=4,
        tally=Tally(**tally),
    )


WRITTEN = [entry("created"), entry("created"), entry("updated"), entry("deleted")]
SAID = marker(new_ingested=2, updated=1, deleted=1, unchanged=7, stale=3, rejected=1)


def test_a_log_that_holds_what_a_run_wrote_is_complete() -> None:
    counts = RunCounts({})
    counts.count([*WRITTEN, entry("created", "other"), entry("updated", None)])
    counts.count([entry("updated", "j", "replay"), entry("restored", "j", "redrive")])
    counts.count([entry("created", tenant_id="globex")])

    assert counts.close(SAID) is None
    assert counts.close(SAID) is None, "a marker may come twice"
    assert counts.close(marker("silent", unchanged=5)) is None


@pytest.mark.parametrize("lost", range(len(WRITTEN)))
def test_an_event_that_is_missing_is_noticed(lost: int) -> None:
    counts = RunCounts({})
    counts.count(WRITTEN[:lost] + WRITTEN[lost + 1 :])

    reason = counts.close(SAID)

    assert reason is not None
    assert reason.startswith("run j wrote 1 deleted, 2 new_ingested, 1 updated, the log holds")


def test_counts_are_taken_up_where_they_were_left() -> None:
    whole, parts = RunCounts({}), RunCounts({})
    whole.count(WRITTEN)
    for one in WRITTEN:
        parts.count([one])
        parts = RunCounts(parts.kept())

    assert parts.kept() == whole.kept()
    assert parts.close(SAID) is None
    assert RunCounts(parts.kept()).close(SAID) is None


def test_of_invented_runs_not_all_are_kept_and_none_is_accused() -> None:
    counts = RunCounts({})
    counts.count([*WRITTEN, *(entry("created", f"j{number}") for number in range(3_000))])

    assert len(counts.kept()["open"]) == 1_000
    assert counts.close(SAID) is None
    assert RunCounts(counts.kept()).close(marker("j7", new_ingested=1)) is None
    assert counts.close(marker("j2999", new_ingested=2)) is not None


def test_only_the_last_ends_are_remembered() -> None:
    counts = RunCounts({})
    for number in range(500):
        counts.close(marker(f"j{number}"))

    assert len(counts.kept()["closed"]) == 64
    assert counts.kept()["closed"][-1] == "j499"

"""Deletion needs evidence (section 5 of the contract)."""

import pytest

from domain.deletions import Known, deletions, doubtful, is_credible


def known(*absent: str, **others: frozenset[str] | None) -> Known:
    nothing: frozenset[str] = frozenset()
    return Known(
        absent,
        others.get("listed"),
        others.get("shared") or nothing,
        others.get("absent_before") or nothing,
    )


def ids(*some: str) -> frozenset[str]:
    return frozenset(some)


def test_what_the_helpdesk_lists_is_deleted_and_nothing_else() -> None:
    about = known("a", "b", listed=ids("b", "z"), absent_before=ids("a", "b"))

    assert deletions(about, {}) == {"b": "deleted_list"}
    assert doubtful(about) == []


def test_without_a_list_details_decide() -> None:
    about = known("a", "b", "c", absent_before=ids("b"))

    assert doubtful(about) == ["a", "b", "c"]
    assert deletions(about, {"a": False, "b": True}) == {"a": "detail_404"}


def test_without_a_list_a_second_absence_is_enough() -> None:
    assert deletions(known("a", "b", absent_before=ids("b")), {}) == {"b": "two_absences"}


def test_at_most_thirty_details_are_asked_for() -> None:
    assert len(doubtful(known(*(f"T-{n}" for n in range(100))))) == 30


def test_an_id_of_several_tenants_needs_two_absences() -> None:
    shared = ids("a", "b")
    about = known("a", "b", listed=ids("a", "b"), shared=shared, absent_before=ids("b"))

    assert deletions(about, {}) == {"b": "two_absences"}
    assert deletions(about._replace(listed=None), {}) == {"b": "two_absences"}
    assert doubtful(about._replace(listed=None)) == []
    assert deletions(about._replace(listed=ids()), {}) == {}


@pytest.mark.parametrize(
    ("gone", "live", "credible"),
    [
        (0, 0, True), (10, 10, True), (11, 55, True), (11, 54, False), (20, 100, True),
        (21, 100, False), (500, 1000, False),
    ],
)  # fmt: skip
def test_more_than_a_fifth_at_once_and_more_than_ten_is_not_believed(
    gone: int, live: int, credible: bool
) -> None:
    assert is_credible(gone, live, 20) is credible

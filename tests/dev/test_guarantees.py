"""Every promise has tests that exist, and is kept only if all of them ran and passed."""

import ast
from pathlib import Path

import pytest

from dev.guarantees import PAGE, Guarantee, guarantees, is_kept, read_outcomes

ROOT = PAGE.parent
PAGE_GUARANTEES = guarantees(PAGE.read_text())


def _tests(file: Path) -> set[str]:
    nodes = ast.parse(file.read_text()).body
    return {n.name for n in nodes if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_row_of_the_page_is_a_guarantee() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]

    assert len(PAGE_GUARANTEES) == len(rows) - rows.count("| promise | checks |")


@pytest.mark.parametrize("one", PAGE_GUARANTEES, ids=lambda one: one.promise[:40])
def test_every_promise_names_tests_that_there_are(one: Guarantee) -> None:
    for test in one.tests:
        file, _, name = test.partition("::")
        assert name in _tests(ROOT / file), test


@pytest.mark.parametrize(
    ("outcomes", "kept"),
    [
        ({"tests/a.py::one": True, "tests/b.py::two[x]": True, "tests/b.py::two[y]": True}, True),
        ({"tests/a.py::one": True, "tests/b.py::two[x]": True, "tests/b.py::two[y]": False}, False),
        ({"tests/a.py::one": True}, False),
        ({"tests/a.py::one": True, "tests/b.py::two_others": True}, False),
        ({}, False),
    ],
)
def test_a_promise_holds_if_all_of_its_tests_ran_and_passed(
    outcomes: dict[str, bool], kept: bool
) -> None:
    promise = Guarantee("nothing is lost", ("tests/a.py::one", "tests/b.py::two"))

    assert is_kept(promise, outcomes) is kept


def test_outcomes_are_read_from_what_pytest_writes(tmp_path: Path) -> None:
    results = tmp_path / "results.xml"
    results.write_text(
        "<testsuites><testsuite>"
        '<testcase classname="tests.a.test_b" name="one[x]"/>'
        '<testcase classname="tests.a.test_b" name="two"><failure message="no"/></testcase>'
        '<testcase classname="tests.a.test_b" name="three"><skipped/></testcase>'
        "</testsuite></testsuites>"
    )

    assert read_outcomes(results) == {
        "tests/a/test_b.py::one[x]": True,
        "tests/a/test_b.py::two": False,
        "tests/a/test_b.py::three": False,
    }

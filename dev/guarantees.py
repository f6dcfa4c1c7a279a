"""`make guarantees`: every promise of GUARANTEES.md, and whether its check holds here and now."""

import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table

_ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = _ROOT / "GUARANTEES.md"
_ROW: Final = re.compile(r"^\| (?P<promise>[^|]+) \| (?P<tests>`tests/[^|]+) \|$")
_TEST: Final = re.compile(r"`(tests/[^`]+)`")


class Guarantee(NamedTuple):
    """A promise, and the tests that would be red without it, as pytest names them."""

    promise: str
    tests: tuple[str, ...]


def guarantees(page: str) -> list[Guarantee]:
    """The rows of the page's tables."""
    rows = filter(None, map(_ROW.match, page.splitlines()))
    return [Guarantee(row["promise"], tuple(_TEST.findall(row["tests"]))) for row in rows]


def main() -> None:
    """Run every check once, in one session, and print what it says of each promise."""
    wanted = guarantees(PAGE.read_text())
    tests = sorted({test for guarantee in wanted for test in guarantee.tests})
    with tempfile.TemporaryDirectory() as directory:
        results = Path(directory) / "results.xml"
        command = [sys.executable, "-m", "pytest", "-p", "tests.no_skips", "-m", ""]
        ended = subprocess.run(  # noqa: S603 (our own tests)
            [*command, f"--junitxml={results}", *sys.argv[1:], *tests], cwd=_ROOT, check=False
        )
        outcomes = read_outcomes(results) if results.exists() else {}
    kept = [(one, is_kept(one, outcomes)) for one in wanted]
    _print(kept)
    sys.exit(ended.returncode or int(not all(held for _, held in kept)))


def read_outcomes(results: Path) -> dict[str, bool]:
    """Whether each test passed, by `file::name`, from pytest's JUnit file."""
    outcomes = {}
    for case in ET.parse(results).iter("testcase"):  # noqa: S314 (pytest wrote it)
        file = case.attrib["classname"].replace(".", "/") + ".py"
        unproven = any(case.find(kind) is not None for kind in ("failure", "error", "skipped"))
        outcomes[f"{file}::{case.attrib['name']}"] = not unproven
    return outcomes


def is_kept(guarantee: Guarantee, outcomes: Mapping[str, bool]) -> bool:
    """True if all of its tests ran and passed; a test without parameters stands for all."""
    return all(_passed(test, outcomes) for test in guarantee.tests)


def _passed(test: str, outcomes: Mapping[str, bool]) -> bool:
    ran = [passed for name, passed in outcomes.items() if _is_part(name, test)]
    return bool(ran) and all(ran)


def _is_part(name: str, test: str) -> bool:
    return name == test or name.startswith((f"{test}[", f"{test}::"))


def _print(kept: Iterable[tuple[Guarantee, bool]]) -> None:
    table = Table(title="Guarantees", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("")
    table.add_column("promise", overflow="fold")
    table.add_column("checks", justify="right")
    for guarantee, held in kept:
        mark = "[green]holds" if held else "[red]BROKEN"
        table.add_row(mark, guarantee.promise, str(len(guarantee.tests)))
    Console().print(table)


if __name__ == "__main__":
    main()

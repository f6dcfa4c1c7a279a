"""A results file holds the figures, and what they depend on."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.figures import Figure, Outcome
from benchmarks.results import NoResultsError, keep, machine, processor, read

NOW = datetime(2026, 11, 27, 18, 0, tzinfo=UTC)
FIGURE = Figure("raw", 1.0, "s", 8, more_is_better=False)


def test_figures_and_failures_of_each_row_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "results" / "now.json"
    keep(path, NOW, 0.5, [Outcome("raw", [FIGURE], 3.21), Outcome("crawl", failed="OSError")])

    found = read(path)

    assert found["at"] == "2026-11-27T18:00:00+00:00"
    assert found["scale"] == 0.5
    assert found["rows"]["crawl"] == {"seconds": 0.0, "failed": "OSError"}
    assert [(figure["row"], figure["name"]) for figure in found["figures"]] == [("raw", "raw")]


def test_the_machine_is_named() -> None:
    assert {"processor", "cores", "memory_gib", "python", "mongod", "kafka"} == machine().keys()


def test_the_processor_is_the_model_that_linux_names() -> None:
    assert processor("vendor_id\t: X\nmodel name\t: Fast CPU @ 3 GHz\n") == "Fast CPU @ 3 GHz"
    assert processor("")


@pytest.mark.parametrize("content", ["# Deskstream", "[]", "{}"])
def test_another_file_is_refused_by_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(content)

    with pytest.raises(NoResultsError, match=r"other\.json holds no results"):
        read(path)

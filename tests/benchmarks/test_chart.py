"""The chart shows shares of aims, on dark pages and on light ones."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.figures import Figure
from benchmarks.shares import bars

SECONDS = Figure("crawl", 4.0, "s", 8, more_is_better=False, naive=80.0).as_json()
RATE = Figure("raw", 1_500.0, "tickets/s", 3_000, more_is_better=True).as_json()
REFUSED = Figure("refused", 0, "", 0, more_is_better=False).as_json()
RESULTS: dict[str, Any] = {"at": "2026-11-27T18:00:00+00:00", "figures": [SECONDS, RATE, REFUSED]}


def draw(directory: Path, results: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """Draw in a process of its own: importing pygal changes how modules are found."""
    (directory / "results.json").write_text(json.dumps(results))
    command = [sys.executable, "-m", "benchmarks.chart", str(directory / "results.json")]
    command.append(f"--chart={directory / 'chart.svg'}")
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def drawing(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The chart of three figures."""
    directory = tmp_path_factory.mktemp("chart")
    assert draw(directory, RESULTS).returncode == 0
    return (directory / "chart.svg").read_text()


def test_shorter_is_better_whichever_way_the_aim_lies() -> None:
    shown = {bar.label: (bar.ours, bar.naive) for bar in bars(RESULTS["figures"])}

    assert shown == {
        "crawl: 4 s (aim ≤ 8; naive 80)": (0.5, 10.0),
        "raw: 1,500 tickets/s (aim ≥ 3,000)": (2.0, None),
    }


def test_figures_of_older_files_have_no_naive_variant() -> None:
    older = {name: value for name, value in RATE.items() if name != "naive"}

    assert [bar.naive for bar in bars([older])] == [None]


def test_the_drawing_follows_the_colours_of_the_page(drawing: str) -> None:
    assert "prefers-color-scheme: dark" in re.sub(r":\s*", ": ", drawing)
    assert "crawl: 4 s (aim ≤ 8; naive 80)" in drawing


def test_the_drawing_has_no_scripts_no_remarks_and_no_links(drawing: str) -> None:
    assert "<script" not in drawing
    assert "<!--" not in drawing
    assert set(re.findall(r"https?://[^\"' ]+", drawing)) == {"http://www.w3.org/2000/svg"}


def test_the_same_results_give_the_same_drawing(drawing: str, tmp_path: Path) -> None:
    draw(tmp_path, RESULTS)

    assert (tmp_path / "chart.svg").read_text() == drawing


def test_another_file_is_refused_in_words(tmp_path: Path) -> None:
    answer = draw(tmp_path, {})

    assert answer.returncode == 2
    assert "holds no results" in answer.stderr

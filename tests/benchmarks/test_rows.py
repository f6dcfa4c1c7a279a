"""What is measured when nothing is chosen, and when something is."""

from pathlib import Path
from unittest.mock import sentinel

import pytest
from typer.testing import CliRunner

from benchmarks.__main__ import app
from benchmarks.bench import Bench
from benchmarks.rows import UnknownRowError, chosen, names, rows_of


def test_alone_it_measures_all_that_the_contract_has() -> None:
    assert set(names()) - chosen([]) == {"alerts", "flood", "fuzz", "soak"}


def test_rows_of_one_set_of_tickets_are_measured_together() -> None:
    [row] = rows_of(chosen(["lists", "stats"]))

    assert row.names == ("stats", "lists", "crowd", "memory")


def test_rows_stand_in_the_order_of_the_contract() -> None:
    assert [row.names[0] for row in rows_of(chosen(["recovery", "crawl"]))] == ["crawl", "recovery"]


def test_an_unknown_row_is_refused_with_the_names_of_all() -> None:
    with pytest.raises(UnknownRowError, match="'speed': choose from crawl, limited-crawl"):
        chosen(["speed"])


def test_the_command_line_says_so_too() -> None:
    answer = CliRunner().invoke(app, ["--only", "speed"])

    assert answer.exit_code == 2
    assert "speed" in answer.output


def test_a_workload_is_as_large_as_it_is_scaled_or_named() -> None:
    bench = Bench(sentinel.engines, Path(), scale=0.01, sizes={"rebuild": 300})

    assert bench.size("crawl", 10_000) == 100
    assert bench.size("crawl", 1_000, least=50) == 50
    assert bench.size("rebuild", 1_000_000) == 300

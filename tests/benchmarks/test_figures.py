"""Figures say what was measured, and how it stands to its aim and to the naive variant."""

from io import StringIO

from rich.console import Console

from benchmarks.figures import Figure, Outcome, sentence, table

SECONDS = Figure("crawl", 6.0, "s", 8, more_is_better=False, naive=30.0)
RATE = Figure("raw", 1_500.0, "tickets/s", 3_000, more_is_better=True, naive=500.0)
REFUSED = Figure("refused", 0.0, "", 0, more_is_better=False)


def test_an_aim_is_reached_from_the_right_side() -> None:
    assert [figure.is_reached for figure in (SECONDS, RATE, REFUSED)] == [True, False, True]


def test_the_ratio_says_how_many_times_better_than_naive() -> None:
    assert [figure.ratio for figure in (SECONDS, RATE, REFUSED)] == [5.0, 3.0, None]


def test_the_results_file_has_what_the_table_shows() -> None:
    shown = SECONDS.as_json()

    assert (shown["naive"], shown["ratio"], shown["reached"]) == (30.0, 5.0, True)


def test_a_figure_is_one_sentence_with_all_its_readings() -> None:
    figure = Figure(
        "stats", 61.0, "ms", 100, more_is_better=False,
        details={"p50": 1.25, "samples": 4_000}, cpu={"api": 0.5}, memory_megabytes={"api": 88.2},
    )  # fmt: skip

    assert sentence(figure) == "stats: 61 ms (p50 1.2, samples 4,000; api 0.50; api 88 MB)"
    assert sentence(REFUSED) == "refused: 0"


def test_a_row_that_failed_stands_in_the_table_beside_what_it_had_measured() -> None:
    screen = Console(file=StringIO(), width=200)
    with screen.capture() as captured:
        screen.print(table([Outcome("raw", [RATE], failed="TimeoutError: stands at 3 of 5")]))

    assert "1,500 tickets/s" in captured.get()
    assert "3.0x" in captured.get()
    assert "raw: TimeoutError: stands at 3 of 5" in captured.get()

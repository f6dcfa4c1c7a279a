"""Percentiles are values that were measured."""

import pytest

from benchmarks.percentiles import percentile, spread


def test_a_percentile_is_the_smallest_value_that_enough_values_do_not_exceed() -> None:
    values = [40.0, 10.0, 30.0, 20.0]

    assert [percentile(values, share) for share in (0.25, 0.26, 0.5, 0.99, 1.0)] == [
        10, 20, 20, 40, 40,
    ]  # fmt: skip


def test_one_slow_answer_in_a_hundred_is_not_the_99th_percentile_but_the_maximum() -> None:
    assert spread([1.0] * 99 + [500.0]) == {
        "p50": 1, "p95": 1, "p99": 1, "max": 500, "samples": 100,
    }  # fmt: skip


def test_nothing_measured_has_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)

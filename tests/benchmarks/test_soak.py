"""A soak's faults follow from its seed, and recovery is what was seen of it."""

from collections import Counter
from typing import cast

from benchmarks.deployment import Deployment
from benchmarks.soak_faults import plan
from benchmarks.soak_watch import Sample, Watch

VICTIMS = ("worker 1", "worker 2", "projector 1", "notifier", "api")


def test_the_same_seed_plans_the_same_faults() -> None:
    assert plan(3, 1200, 30, VICTIMS) == plan(3, 1200, 30, VICTIMS)
    assert plan(3, 1200, 30, VICTIMS) != plan(4, 1200, 30, VICTIMS)


def test_faults_of_every_kind_come_about_as_often_as_asked_for_and_leave_the_end_alone() -> None:
    faults = plan(1, 1200, 30, VICTIMS)

    assert 30 <= len(faults) <= 48
    assert Counter(fault.kind for fault in faults).keys() == {"kill -9", "stop", "mongodb", "kafka"}
    assert faults[0].at == 30
    assert faults[-1].at < 1170


def test_recovered_is_what_waits_little_twice_in_a_row() -> None:
    watch = Watch(cast("Deployment", None))
    lags = (0, 900, 10, 800, 20, 30, 40)
    watch.samples = [Sample(float(second), {"tickets": lag}) for second, lag in enumerate(lags)]

    assert watch.calm_after(1.0, 100) == 4.0
    assert watch.calm_after(1.0, 5) is None
    assert watch.calm_after(0.0, 1000) == 1.0

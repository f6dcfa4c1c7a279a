"""The helpdesk's limit is exact, over all external routes and no others."""

import time

import httpx
import pytest

from dev.helpdesk.helpdesk import HelpdeskSettings
from dev.helpdesk.rate_limit import SlidingWindow, retry_after
from dev.helpdesk.server import HelpdeskServer


def test_no_window_holds_more_calls_than_the_limit() -> None:
    window = SlidingWindow(3, 10.0)
    moments = [number / 2 for number in range(100)]
    allowed = [moment for moment in moments if window.admit(moment) is None]

    assert allowed[:7] == [0.0, 0.5, 1.0, 10.0, 10.5, 11.0, 20.0]
    for start in moments:
        assert sum(start <= moment < start + 10.0 for moment in allowed) <= 3


def test_the_wait_it_names_is_the_wait_it_takes() -> None:
    window = SlidingWindow(2, 60.0)
    window.admit(100.0)
    window.admit(130.0)

    assert window.admit(140.0) == 20.0
    assert window.admit(159.5) == 0.5
    assert window.admit(160.0) is None
    assert window.admit(160.0) == 30.0


def test_no_limit_lets_everything_through() -> None:
    window = SlidingWindow(0, 60.0)

    assert {window.admit(5.0) for _ in range(1_000)} == {None}


@pytest.mark.parametrize(("seconds", "text"), [(0.01, "1"), (1.0, "1"), (1.2, "2"), (59.9, "60")])
def test_retry_after_never_names_too_little(seconds: float, text: str) -> None:
    assert retry_after(seconds) == text


def test_the_limit_covers_every_external_route_and_no_other() -> None:
    paths = ["support-tickets", "support-tickets/none", "deleted-tickets", "nowhere"]
    with (
        HelpdeskServer(HelpdeskSettings(tickets=20, limit=6, period=1.0)) as helpdesk,
        httpx.Client(base_url=helpdesk.url, trust_env=False) as http,
    ):
        answers = [http.get(f"/external/{paths[n % 4]}") for n in range(9)]
        assert [a.status_code for a in answers] == [200, 404, 200, 404, 200, 404, 429, 429, 429]
        assert answers[-1].headers["retry-after"] == "1"
        assert http.get("/health").status_code == 200
        records = helpdesk.requests("/external/")
        assert [record.refused_by_limit for record in records] == [False] * 6 + [True] * 3

        deadline = time.monotonic() + 5.0
        while http.get("/external/deleted-tickets").status_code == 429:
            assert time.monotonic() < deadline
        allowed = [r for r in helpdesk.requests("/external/") if not r.refused_by_limit]
        assert allowed[6].arrived_monotonic - allowed[0].arrived_monotonic >= 1.0

        helpdesk.set_limit(0)
        assert {http.get("/external/deleted-tickets").status_code for _ in range(50)} == {200}

"""A crawl of 95 pages from a helpdesk that allows 60 calls a minute, and refuses the rest."""

from collections.abc import AsyncGenerator
from typing import Final

from benchmarks.bench import Bench
from benchmarks.crawling import TENANT, timed_run
from benchmarks.deployment import deployed
from benchmarks.figures import Figure
from dev.helpdesk.helpdesk import HelpdeskSettings
from dev.helpdesk.server import HelpdeskServer

_PAGES: Final = 95
_PAGE_ROWS: Final = 100
_CALLS: Final = 60
_PERIOD: Final = 60.0  # seconds
_REST: Final = 5.0  # the aim is 65 s, of which the helpdesk takes 60


async def limited_crawl(bench: Bench) -> AsyncGenerator[Figure]:
    """Seconds to `completed`, and the calls that were refused.

    A smaller scale makes limit and period smaller as well, so that the crawl still has to wait.
    """
    pages, limit = bench.scaled(_PAGES, least=8), bench.scaled(_CALLS, least=5)
    period = _PERIOD * limit / _CALLS
    desk = HelpdeskSettings(
        tickets=pages * _PAGE_ROWS, tenants=(TENANT,), limit=limit, period=period,
        long_messages=True,
    )  # fmt: skip
    name = f"{pages} pages under {limit} calls in {period:.0f} s"
    limits = {"helpdesk_rate_limit": limit, "helpdesk_rate_period": period}
    with HelpdeskServer(desk) as helpdesk:
        async with deployed(
            bench.engines, bench.logs, helpdesk_url=helpdesk.url, **limits
        ) as deployment:
            with deployment.running("worker"), deployment.running("projector"):
                # No crawl to warm up: it would use up calls of the window.
                await deployment.until_assigned("classifier", "sync", "tickets")
                seconds = await timed_run(deployment, TENANT)
                calls = helpdesk.requests("/external/")
                memory = deployment.memory_megabytes()
    refused = sum(call.refused_by_limit for call in calls)
    yield Figure(
        name, seconds, "s", period + _REST, more_is_better=False,
        details={"calls": len(calls)}, memory_megabytes=memory,
    )  # fmt: skip
    yield Figure(f"{name}: calls refused with 429", refused, "", 0, more_is_better=False)

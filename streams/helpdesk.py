"""The helpdesk's client: one page at a time, never faster than allowed, patient with faults."""

import asyncio
import json
import math
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import httpx
import msgspec
import structlog

from domain.errors import HelpdeskError
from domain.retry import RetryPolicy
from infra.limiter import Limiter

log = structlog.get_logger()

PAGE_SIZE = 100
RETRIES = RetryPolicy(first=0.5, longest=20.0, attempts=6)
_HOLD_WITHOUT_ADVICE = 5.0
_LONGEST_HOLD = 3600.0


class Page(NamedTuple):
    """One page of tickets: rows as they came, and where to go on (None at the end)."""

    rows: list[Any]
    next_page: int | None
    total_count: int


class HelpdeskClient:
    """Reads the helpdesk.  Each call takes a slot of the shared limiter; waiting is no attempt."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        limiter: Limiter,
        *,
        retries: RetryPolicy = RETRIES,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._http = http
        self._limiter = limiter
        self._retries = retries
        self._sleep = sleep

    @property
    def source(self) -> str:
        """What the CloudEvents of this helpdesk carry as their `source`."""
        return str(self._http.base_url).rstrip("/")

    async def page(self, number: int) -> Page:
        """Page `number` (1, 2...).

        Raises:
            HelpdeskError: the helpdesk refused, or every attempt failed.
        """
        failures = 0
        while True:
            try:
                return await self._try_page(number)
            except HelpdeskError as error:
                if not error.retryable:
                    raise
                failures += 1
                log.warning("page_failed", page=number, attempt=failures, reason=error.reason)
                if self._retries.gives_up_after(failures):
                    reason = f"page {number}: {error.reason}, after {failures} attempts"
                    raise HelpdeskError(reason, retryable=False) from error
                await self._sleep(self._retries.delay(failures, random.random()))  # noqa: S311

    async def _try_page(self, number: int) -> Page:
        """One attempt; a 429 holds everybody and is no attempt."""
        while True:
            async with self._limiter.slot():
                response = await self._get(
                    "/external/support-tickets", {"page": number, "page_size": PAGE_SIZE}
                )
            if response.status_code != httpx.codes.TOO_MANY_REQUESTS:
                break
            seconds = _retry_after(response.headers)
            log.warning("rate_limited", page=number, seconds=seconds)
            await self._limiter.hold(seconds)
            await self._sleep(seconds)
        if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise HelpdeskError(f"answered {response.status_code}", retryable=True)
        if response.status_code != httpx.codes.OK:
            raise HelpdeskError(f"answered {response.status_code}", retryable=False)
        return _read_page(response.content)

    async def _get(self, path: str, parameters: Mapping[str, int]) -> httpx.Response:
        try:
            return await self._http.get(path, params=dict(parameters))
        except httpx.TimeoutException as error:
            raise HelpdeskError(f"timed out ({type(error).__name__})", retryable=True) from error
        except httpx.HTTPError as error:
            raise HelpdeskError(f"{type(error).__name__}: {error}", retryable=True) from error


def _read_page(content: bytes) -> Page:
    try:
        body = _decode(content)
        rows, next_page = body["tickets"], body["next_page"]
        total = body.get("total_count")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise HelpdeskError(f"garbage: {type(error).__name__}: {error}", retryable=True) from error
    if not isinstance(rows, list):
        raise HelpdeskError("garbage: tickets is no list", retryable=True)
    if next_page is not None and (isinstance(next_page, bool) or not isinstance(next_page, int)):
        raise HelpdeskError("garbage: next_page is no number", retryable=True)
    return Page(rows, next_page, total if isinstance(total, int) else 0)


def _decode(content: bytes) -> Any:  # noqa: ANN401 (any JSON)
    try:
        return msgspec.json.decode(content)
    except msgspec.DecodeError:
        # One row with a lone surrogate must not cost the others: this decoder lets it through,
        # and the row's own validation refuses it.
        return json.loads(content)


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds to hold; anything but a number of seconds counts as no advice."""
    try:
        seconds = float(headers.get("retry-after", ""))
    except ValueError:
        return _HOLD_WITHOUT_ADVICE
    if math.isnan(seconds):
        return _HOLD_WITHOUT_ADVICE
    return min(max(seconds, 0.0), _LONGEST_HOLD)

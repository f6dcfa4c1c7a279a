"""The helpdesk's client: never faster than allowed, patient with faults, silent once it is lost."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
from urllib.parse import quote

import structlog

from domain.errors import HelpdeskError
from domain.pages import Page, read_deleted_ids, read_detail, read_page
from domain.retry import RetryPolicy
from domain.retry_after import hold_seconds
from domain.sweeps import PAGE_SIZE
from streams.guarded_call import CircuitOpen, GuardedHttp, Permit, RateLimited, Request

log = structlog.get_logger()

T = TypeVar("T")

RETRIES: Final = RetryPolicy(first=0.5, longest=20.0, attempts=6)
_MOST_REFUSALS: Final = 10
_TICKETS: Final = "/external/support-tickets"
_DELETED: Final = "/external/deleted-tickets"


class HelpdeskClient:
    """The helpdesk, for all crawls of this process."""

    def __init__(
        self,
        http: GuardedHttp,
        *,
        retries: RetryPolicy = RETRIES,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._http = http
        self._retries = retries
        self._sleep = sleep

    @property
    def source(self) -> str:
        """What the CloudEvents of this helpdesk carry as their `source`."""
        return self._http.url

    def calls(self, run: str, permit: Permit) -> "HelpdeskCalls":
        """The helpdesk, as one run calls it; `permit` raises if it may not any more."""
        return HelpdeskCalls(self._http, run, permit, self._retries, self._sleep)


class HelpdeskCalls:
    """The calls of one run.

    Waiting for a slot of the limiter or for an open circuit is no attempt, and a 429 is none.  A
    helpdesk that refuses a request so holds everybody for as long as it says, and ends the run the
    tenth time.
    """

    def __init__(
        self,
        http: GuardedHttp,
        run: str,
        permit: Permit,
        retries: RetryPolicy,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._http = http
        self._run = run
        self._permit = permit
        self._retries = retries
        self._sleep = sleep

    async def page(self, number: int) -> Page:
        """Page `number` (1, 2...).

        Raises:
            HelpdeskError: the helpdesk refused, or every attempt failed.
            LeaseLostError: the run is no longer ours; nobody was called.
        """
        parameters = {"page": number, "page_size": PAGE_SIZE}
        request = Request(f"page {number}", _TICKETS, parameters)
        return await self._patiently(request, lambda body: read_page(body or b"", number))

    async def deleted_ids(self) -> frozenset[str] | None:
        """The ids of deleted tickets, of all tenants; None where there is no such list.

        Raises:
            HelpdeskError: the helpdesk refused, or every attempt failed.
            LeaseLostError: the run is no longer ours; nobody was called.
        """
        request = Request("deleted tickets", _DELETED, may_be_missing=True)
        return await self._patiently(request, lambda b: None if b is None else read_deleted_ids(b))

    async def ticket(self, external_id: str) -> Mapping[str, Any] | None:
        """One ticket's row, not validated; None if the helpdesk knows none of this id.

        Raises:
            HelpdeskError: the helpdesk refused, or every attempt failed.
            LeaseLostError: the run is no longer ours; nobody was called.
        """
        name = quote(external_id, safe="")
        # Clients and servers take dots alone for a step up.
        name = name if name.strip(".") else name.replace(".", "%2E")
        request = Request(f"ticket {external_id}", f"{_TICKETS}/{name}", may_be_missing=True)
        return await self._patiently(request, lambda b: None if b is None else read_detail(b))

    async def _patiently(self, request: Request, read: Callable[[bytes | None], T]) -> T:
        failures = 0
        while True:
            try:
                return await self._attempt(request, read)
            except HelpdeskError as error:
                if not error.retryable:
                    reason = f"{request.name}: {error.reason}"
                    raise HelpdeskError(reason, retryable=False) from error
                failures += 1
                log.warning(
                    "call_failed", request=request.name, run=self._run, attempt=failures,
                    reason=error.reason,
                )  # fmt: skip
                if self._retries.gives_up_after(failures):
                    reason = f"{request.name}: {error.reason}, after {failures} attempts"
                    raise HelpdeskError(reason, retryable=False) from error
                await self._sleep(self._retries.delay(failures, random.random()))  # noqa: S311

    async def _attempt(self, request: Request, read: Callable[[bytes | None], T]) -> T:
        """One attempt, once the circuit and the helpdesk's limit let it through."""
        refusals = 0
        while True:
            answer = await self._http.call(request, read, self._run, self._permit)
            match answer:
                case CircuitOpen():
                    await self._sleep(answer.seconds)
                case RateLimited():
                    refusals += 1
                    await self._hold(request, answer.retry_after, refusals)
                case _:
                    return answer

    async def _hold(self, request: Request, header: str | None, refusals: int) -> None:
        """Hold everybody, unless this request was refused too often to go on."""
        shown = None if header is None else header[:60]
        if refusals == _MOST_REFUSALS:
            reason = f"answered 429 {refusals} times in a row, last with Retry-After {shown!r}"
            raise HelpdeskError(reason, retryable=False)
        seconds = hold_seconds(header, datetime.now(UTC), refusals)
        log.warning(
            "rate_limited", request=request.name, run=self._run, seconds=seconds, retry_after=shown
        )
        await self._http.hold(seconds)
        await self._sleep(seconds)

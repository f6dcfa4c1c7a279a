"""The helpdesk's client: never faster than allowed, patient with faults, silent once it is lost."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import quote

import httpx
import structlog

from domain.errors import HelpdeskError
from domain.pages import Page, read_deleted_ids, read_detail, read_page
from domain.retry import RetryPolicy
from domain.retry_after import hold_seconds
from domain.sweeps import PAGE_SIZE
from infra.limiter import Limiter

log = structlog.get_logger()

T = TypeVar("T")
Permit = Callable[[], Awaitable[None]]

RETRIES: Final = RetryPolicy(first=0.5, longest=20.0, attempts=6)
_MOST_REFUSALS: Final = 10
_LARGEST_BODY: Final = 64 * 1024 * 1024
_SERVER_ERRORS: Final = 500
_TICKETS: Final = "/external/support-tickets"
_DELETED: Final = "/external/deleted-tickets"


class _Request(NamedTuple):
    """What is asked, for the log and for reasons; and whether 404 is an answer."""

    name: str
    path: str
    parameters: Mapping[str, int] = {}
    may_be_missing: bool = False


class HelpdeskClient:
    """The helpdesk, for all crawls of this process."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        limiter: Limiter,
        *,
        retries: RetryPolicy = RETRIES,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.http = http
        self.limiter = limiter
        self.retries = retries
        self.sleep = sleep

    @property
    def source(self) -> str:
        """What the CloudEvents of this helpdesk carry as their `source`."""
        return str(self.http.base_url).rstrip("/")

    def calls(self, run: str, permit: Permit) -> "HelpdeskCalls":
        """The helpdesk, as one run calls it; `permit` raises if it may not any more."""
        return HelpdeskCalls(self, run, permit)


class HelpdeskCalls:
    """The calls of one run.

    Each takes a slot of the shared limiter; waiting for one is no attempt.  A helpdesk that refuses
    a request with 429 holds everybody for as long as it says, and ends the run the tenth time.
    """

    def __init__(self, client: HelpdeskClient, run: str, permit: Permit) -> None:
        self._client = client
        self._run = run
        self._permit = permit

    async def page(self, number: int) -> Page:
        """Page `number` (1, 2...).

        Raises:
            HelpdeskError: the helpdesk refused, or every attempt failed.
            LeaseLostError: the run is no longer ours; nobody was called.
        """
        parameters = {"page": number, "page_size": PAGE_SIZE}
        request = _Request(f"page {number}", _TICKETS, parameters)
        return await self._patiently(request, lambda body: read_page(body or b"", number))

    async def deleted_ids(self) -> frozenset[str] | None:
        """The ids of deleted tickets, of all tenants; None where there is no such list.

        Raises:
            HelpdeskError: the helpdesk refused, or every attempt failed.
            LeaseLostError: the run is no longer ours; nobody was called.
        """
        request = _Request("deleted tickets", _DELETED, may_be_missing=True)
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
        path = f"{_TICKETS}/{name}"
        request = _Request(f"ticket {external_id}", path, may_be_missing=True)
        return await self._patiently(request, lambda b: None if b is None else read_detail(b))

    async def _patiently(self, request: _Request, read: Callable[[bytes | None], T]) -> T:
        """What `read` makes of the answer; of 404 it gets None, if that is an answer."""
        failures = 0
        retries = self._client.retries
        while True:
            try:
                return read(await self._answer(request))
            except HelpdeskError as error:
                if not error.retryable:
                    raise HelpdeskError(
                        f"{request.name}: {error.reason}", retryable=False
                    ) from error
                failures += 1
                log.warning(
                    "call_failed", request=request.name, run=self._run, attempt=failures,
                    reason=error.reason,
                )  # fmt: skip
                if retries.gives_up_after(failures):
                    reason = f"{request.name}: {error.reason}, after {failures} attempts"
                    raise HelpdeskError(reason, retryable=False) from error
                await self._client.sleep(retries.delay(failures, random.random()))  # noqa: S311

    async def _answer(self, request: _Request) -> bytes | None:
        """The body of one attempt's answer; a 429 is no attempt."""
        for refusals in range(1, _MOST_REFUSALS + 1):
            status, headers, body = await self._call(request)
            if status != httpx.codes.TOO_MANY_REQUESTS:
                break
            await self._hold(request, headers.get("retry-after"), refusals)
        if status == httpx.codes.OK:
            return body
        if status == httpx.codes.NOT_FOUND and request.may_be_missing:
            return None
        where = f" to {headers['location']}" if "location" in headers else ""
        raise HelpdeskError(f"answered {status}{where}", retryable=status >= _SERVER_ERRORS)

    async def _hold(self, request: _Request, header: str | None, refusals: int) -> None:
        """Hold everybody, unless this request was refused too often to go on."""
        shown = None if header is None else header[:60]
        if refusals == _MOST_REFUSALS:
            reason = f"answered 429 {refusals} times in a row, last with Retry-After {shown!r}"
            raise HelpdeskError(reason, retryable=False)
        seconds = hold_seconds(header, datetime.now(UTC), refusals)
        log.warning(
            "rate_limited", request=request.name, run=self._run, seconds=seconds, retry_after=shown
        )
        await self._client.limiter.hold(seconds)
        await self._client.sleep(seconds)

    async def _call(self, request: _Request) -> tuple[int, httpx.Headers, bytes]:
        async with self._client.limiter.slot(self._run):
            await self._permit()
            try:
                return await self._get(request)
            except httpx.TimeoutException as error:
                kind = type(error).__name__
                raise HelpdeskError(f"timed out ({kind})", retryable=True) from error
            except httpx.HTTPError as error:
                kind = type(error).__name__
                raise HelpdeskError(f"{kind}: {error}", retryable=True) from error

    async def _get(self, request: _Request) -> tuple[int, httpx.Headers, bytes]:
        body = bytearray()
        parameters = dict(request.parameters)
        async with self._client.http.stream("GET", request.path, params=parameters) as response:
            async for part in response.aiter_bytes():
                body += part
                if len(body) > _LARGEST_BODY:
                    reason = f"sent over {_LARGEST_BODY} bytes"
                    raise HelpdeskError(reason, retryable=False)
        return response.status_code, response.headers, bytes(body)

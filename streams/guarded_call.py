"""One call of the helpdesk: a slot of the limiter, the circuit's leave, the run's permit."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NamedTuple, TypeAlias, TypeVar

import httpx
import structlog

from domain.circuit import Admission
from domain.errors import HelpdeskError
from infra.circuits import Circuit
from infra.limiter import Limiter
from infra.process_metrics import HELPDESK_CALLS, LIMITER_WAIT
from infra.tracing import span

log = structlog.get_logger()

T = TypeVar("T")
Permit: TypeAlias = Callable[[], Awaitable[None]]

_LARGEST_BODY: Final = 64 * 1024 * 1024
_SERVER_ERRORS: Final = 500


class Request(NamedTuple):
    """What is asked, its name in logs and reasons, and whether 404 is an answer to it."""

    name: str
    path: str
    parameters: Mapping[str, int] = {}
    may_be_missing: bool = False


class CircuitOpen(NamedTuple):
    """No call was made; asking again is worthwhile in so many seconds."""

    seconds: float


class RateLimited(NamedTuple):
    """Answered 429, with this `Retry-After`."""

    retry_after: str | None


class GuardedHttp:
    """The helpdesk over HTTP, behind the limiter and the circuit that all processes share."""

    def __init__(self, http: httpx.AsyncClient, limiter: Limiter, circuit: Circuit) -> None:
        self._http = http
        self._limiter = limiter
        self._circuit = circuit

    @property
    def url(self) -> str:
        """Where the helpdesk is, without a slash at the end."""
        return str(self._http.base_url).rstrip("/")

    async def hold(self, seconds: float) -> None:
        """Let no call of any process out for so long."""
        await self._limiter.hold(seconds)

    async def call(
        self, request: Request, read: Callable[[bytes | None], T], run: str, permit: Permit
    ) -> T | CircuitOpen | RateLimited:
        """What `read` makes of the body; 404 is None to it, where that is an answer.

        The circuit is asked once the slot is held: leave that waits for a slot would run out.

        Raises:
            HelpdeskError: no usable answer.
            LeaseLostError: the permit was refused; no call was made.
        """
        asked = time.monotonic()
        async with self._limiter.slot(run) as slot:
            LIMITER_WAIT.observe(time.monotonic() - asked)
            admission = await self._circuit.admit()
            if not isinstance(admission, Admission):
                return CircuitOpen(admission)
            succeeded: bool | None = None
            try:
                await permit()
                slot.is_used = True
                answer = await self._measured(request, read)
                succeeded = True
            except HelpdeskError as error:
                succeeded = not error.retryable
                raise
            finally:
                await self._circuit.tell(admission, succeeded=succeeded)
            return answer

    async def _measured(
        self, request: Request, read: Callable[[bytes | None], T]
    ) -> T | RateLimited:
        begun = time.monotonic()
        try:
            with span("call helpdesk", call=request.name):
                answer = await self._get(request, read)
        except HelpdeskError as error:
            outcome = "failed" if error.retryable else "refused"
            HELPDESK_CALLS.labels(outcome).observe(time.monotonic() - begun)
            raise
        outcome = "rate_limited" if isinstance(answer, RateLimited) else "answered"
        HELPDESK_CALLS.labels(outcome).observe(time.monotonic() - begun)
        return answer

    async def _get(self, request: Request, read: Callable[[bytes | None], T]) -> T | RateLimited:
        try:
            # Per read alone, an answer that trickles would never time out.
            async with asyncio.timeout(self._http.timeout.read):
                status, headers, body = await self._fetch(request)
        except (httpx.TimeoutException, TimeoutError) as error:
            reason = f"timed out ({type(error).__name__})"
            raise HelpdeskError(reason, retryable=True) from error
        except httpx.HTTPError as error:
            reason = f"{type(error).__name__}: {error}"
            raise HelpdeskError(reason, retryable=True) from error
        if status == httpx.codes.TOO_MANY_REQUESTS:
            return RateLimited(headers.get("retry-after"))
        if status == httpx.codes.OK:
            return read(body)
        if status == httpx.codes.NOT_FOUND and request.may_be_missing:
            return read(None)
        where = f" to {headers['location'][:200]}" if "location" in headers else ""
        raise HelpdeskError(f"answered {status}{where}", retryable=status >= _SERVER_ERRORS)

    async def _fetch(self, request: Request) -> tuple[int, httpx.Headers, bytes]:
        body = bytearray()
        parameters = dict(request.parameters)
        async with self._http.stream("GET", request.path, params=parameters) as response:
            async for part in response.aiter_bytes():
                body += part
                if len(body) > _LARGEST_BODY:
                    raise HelpdeskError(f"sent over {_LARGEST_BODY} bytes", retryable=False)
        return response.status_code, response.headers, bytes(body)

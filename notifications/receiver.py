"""The notify service over HTTP: one call, and what its answer means."""

import asyncio
from typing import Final

import httpx

from domain.alerts import Failed, Outcome, Refused, outcome_of
from infra.mongo import Document

_KEPT_TEXT: Final = 300


class Receiver:
    """Whoever is told.  `seconds` bounds a call as a whole, whatever trickles in."""

    def __init__(self, url: str, *, seconds: float, connections: int) -> None:
        self._url = url
        self._seconds = seconds
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        self._http = httpx.AsyncClient(timeout=seconds, limits=limits)

    async def send(self, alert_id: str, body: Document) -> Outcome:
        """Tell of one alert; sent again, it carries the same key."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._post(alert_id, body)
        except (httpx.TimeoutException, TimeoutError):
            return Failed(f"no answer within {self._seconds:g} s")
        except httpx.HTTPError as error:
            return Failed(f"{type(error).__name__}: {error}")

    async def close(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def _post(self, alert_id: str, body: Document) -> Outcome:
        headers = {"Idempotency-Key": alert_id}
        # The status is the answer: a body that never ends changes nothing about it.
        async with self._http.stream("POST", self._url, json=body, headers=headers) as response:
            outcome = outcome_of(response.status_code, response.headers.get("retry-after"))
            if isinstance(outcome, Refused):
                said = await _beginning(response)
                return Refused(f"{outcome.reason}: {said}" if said else outcome.reason)
            return outcome


async def _beginning(response: httpx.Response) -> str:
    """The first words of an answer, which mostly say what is wrong; fewer if they do not come."""
    text = b""
    try:
        async for part in response.aiter_bytes():
            text += part
            if len(text) >= _KEPT_TEXT:
                break
    except httpx.HTTPError:
        pass  # the status was all it had to say
    return text[:_KEPT_TEXT].decode(errors="replace").strip()

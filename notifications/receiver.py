"""The notify service over HTTP: one call, and what its answer means."""

import asyncio
from typing import Final

import httpx

from domain.alerts import Failed, Outcome, Refused, outcome_of
from infra.mongo import Document

_KEPT_TEXT: Final = 300
_READING_SECONDS: Final = 1.0


class Receiver:
    """Whoever is told.  `seconds` bounds a call as a whole, whatever trickles in."""

    def __init__(self, url: str, *, seconds: float, connections: int) -> None:
        self._url = url
        self._seconds = seconds
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        self._http = httpx.AsyncClient(timeout=seconds, limits=limits)

    async def send(self, alert_id: str, body: Document) -> Outcome:
        """Tell of one alert; sent again, it carries the same key."""
        answers: list[Outcome] = []
        try:
            async with asyncio.timeout(self._seconds):
                await self._post(alert_id, body, answers)
        except (httpx.TimeoutException, TimeoutError):
            answers.append(Failed(f"no answer within {self._seconds:g} s"))
        except httpx.HTTPError as error:
            answers.append(Failed(f"{type(error).__name__}: {error}"))
        # The status is the answer: what goes wrong behind it changes nothing about it.
        return answers[0]

    async def close(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def _post(self, alert_id: str, body: Document, answers: list[Outcome]) -> None:
        """Put the answer into `answers` as soon as its status is known."""
        headers = {"Idempotency-Key": alert_id}
        async with self._http.stream("POST", self._url, json=body, headers=headers) as response:
            outcome = outcome_of(response.status_code, response.headers.get("retry-after"))
            answers.append(outcome)
            if isinstance(outcome, Refused):
                answers[0] = outcome._replace(answer=await _beginning(response))


async def _beginning(response: httpx.Response) -> str:
    """The first words of an answer, which mostly say what is wrong; fewer if they do not come."""
    text = b""
    try:
        async with asyncio.timeout(_READING_SECONDS):
            async for part in response.aiter_bytes():
                text += part
                if len(text) >= _KEPT_TEXT:
                    break
    except (httpx.HTTPError, TimeoutError):
        pass  # the status was all it had to say
    return text[:_KEPT_TEXT].decode(errors="replace").strip()

"""Reads the tickets of a tenant through the API: all of them, then whatever changes.

    python examples/reader.py acme [--once]

Needs httpx; API_URL, and API_KEY where the API wants one.
"""

import os
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal, TypeAlias, TypedDict

import httpx

OVERLAP = timedelta(minutes=5)  # as much later as a source's changes may arrive
PAUSE_SECONDS = 2.0

Value: TypeAlias = str | int | bool


class Ticket(TypedDict):
    """What is read of a ticket here; an answer has more."""

    external_id: str
    version: int
    status: str
    subject: str
    urgency: Literal["high", "medium", "low"]
    changed_at: str
    deleted_at: str | None


class Tickets:
    """The tickets of one tenant; an `httpx.HTTPStatusError` holds the problem if one is refused."""

    def __init__(self, http: httpx.Client, tenant_id: str) -> None:
        self._http = http
        self._tenant_id = tenant_id

    def walk(self, **filters: Value) -> Iterator[Ticket]:
        """Every ticket that matches, page after page: none twice, none left out."""
        cursor: str | None = None
        while True:
            place: dict[str, Value] = {} if cursor is None else {"cursor": cursor}
            page = self.ask({"limit": 200, **filters, **place}).json()
            yield from page["tickets"]
            if (cursor := page["next_cursor"]) is None:
                return

    def ask(self, query: dict[str, Value], tag: str = "") -> httpx.Response:
        """An answer, or 304 if it has this tag: that costs nothing."""
        query = {"tenant_id": self._tenant_id, **query}
        while True:
            answer = self._http.get("/v1/tickets", params=query, headers={"If-None-Match": tag})
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            time.sleep(float(answer.headers["Retry-After"]))
        if answer.status_code != httpx.codes.NOT_MODIFIED:
            answer.raise_for_status()
        return answer


class Feed:
    """What changed, each version once: polls overlap, and what is known is passed over."""

    def __init__(self, tickets: Tickets) -> None:
        self._tickets = tickets
        self._known: dict[str, int] = {}
        self._since: str | None = None
        self._tag = ""

    def news(self) -> Iterator[Ticket]:
        """Every live ticket at first; from then on what is new, deletions too."""
        latest: dict[str, Value] = {"sort": "-changed_at", "include_deleted": True, "limit": 10}
        newest = self._tickets.ask(latest, self._tag)
        if newest.status_code == httpx.codes.NOT_MODIFIED:
            return
        filters: dict[str, Value] = {}
        if self._since is not None:
            filters = {"updated_since": self._since, "include_deleted": True}
        for ticket in self._tickets.walk(**filters):
            if self._known.get(ticket["external_id"], 0) < ticket["version"]:
                self._known[ticket["external_id"]] = ticket["version"]
                yield ticket
        # Of before the walk, kept behind it: what changed meanwhile, or was not read, comes next.
        self._tag = newest.headers["ETag"]
        if tickets := newest.json()["tickets"]:
            self._since = _earlier(tickets[0]["changed_at"])


def _earlier(moment: str) -> str:
    return (datetime.fromisoformat(moment) - OVERLAP).isoformat()


def main(tenant_id: str, *options: str) -> None:
    """Print every version of every ticket that comes by."""
    key = os.environ.get("API_KEY")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    url = os.environ.get("API_URL", "http://127.0.0.1:8000")
    with httpx.Client(base_url=url, timeout=60, headers=headers) as http:
        feed = Feed(Tickets(http, tenant_id))
        while True:
            for ticket in feed.news():
                state = "deleted" if ticket["deleted_at"] else ticket["status"]
                print(f"{ticket['external_id']} v{ticket['version']} {state} {ticket['urgency']}")
            if "--once" in options:
                return
            time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:])

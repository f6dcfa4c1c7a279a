"""The helpdesk behind the routes: its tickets, limit, faults and records, and what it answers."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import msgspec

from dev.helpdesk.answers import Answer, Page, json_answer, problem
from dev.helpdesk.faults import FaultPlan
from dev.helpdesk.generator import SAMPLE_TENANTS, Ticket, generate, newcomers
from dev.helpdesk.rate_limit import SlidingWindow
from dev.helpdesk.records import Notification, RequestRecord, stamp
from dev.helpdesk.store import TicketStore

PAGE_SIZE = 100
_NOTIFY_FIELDS = ("ticket_id", "tenant_id", "urgency", "reason")
_NOTIFY_REFUSALS = (500, 503)


@dataclass(frozen=True, slots=True, kw_only=True)
class HelpdeskSettings:
    """What a helpdesk is started with."""

    seed: int = 7
    tickets: int = 10_000
    tenants: Sequence[str] = SAMPLE_TENANTS
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    limit: int = 60
    period: float = 60.0  # seconds
    long_messages: bool = False
    notify_failures: int = 2  # the first calls for each ticket


@dataclass(slots=True)
class Helpdesk:
    """Everything one helpdesk holds; made anew from its settings at each start."""

    settings: HelpdeskSettings
    store: TicketStore
    window: SlidingWindow
    newcomers: Iterator[Ticket]
    notify_failures: int
    faults: FaultPlan = field(default_factory=FaultPlan)
    requests: list[RequestRecord] = field(default_factory=list)
    notifications: list[Notification] = field(default_factory=list)
    notify_calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    _answers: dict[tuple[int, int], Answer] = field(default_factory=dict)
    _answers_revision: int = -1

    def page(self, number: int, size: int) -> Page:
        """Return page `number` (1, 2, 3...) of the live tickets; empty beyond the last."""
        stop = number * size
        total = len(self.store)
        rows = self.store.window(stop - size, stop)
        return Page(rows, number + 1 if stop < total else None, total)

    def page_answer(self, number: int, size: int) -> Answer:
        """Return page `number` ready to send; kept until a ticket changes."""
        if self._answers_revision != self.store.revision:
            self._answers.clear()
            self._answers_revision = self.store.revision
        if (answer := self._answers.get((number, size))) is None:
            answer = self._answers[number, size] = self.page(number, size).answer()
        return answer

    def ticket_answer(self, ticket_id: str) -> Answer:
        """Return one live ticket, or 404."""
        row = self.store.find(ticket_id)
        return problem(404, "no such ticket") if row is None else Answer(200, row.encoded)

    def deleted_answer(self) -> Answer:
        """Return the ids of deleted tickets."""
        return json_answer(200, {"deleted_ids": self.store.deleted_ids()})

    def notify_answer(
        self, body: bytes, idempotency_key: str | None, refused_with: int | None = None
    ) -> Answer:
        """Take a notification, refusing the first calls for each ticket, or all with a status."""
        try:
            told: Any = msgspec.json.decode(body, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return problem(422, f"not a JSON object: {error}")
        if missing := [name for name in _NOTIFY_FIELDS if not told.get(name)]:
            return problem(422, f"missing: {', '.join(missing)}")
        ticket = str(told["tenant_id"]), str(told["ticket_id"])
        self.notify_calls[ticket] += refused_with is None
        call = self.notify_calls[ticket]
        status = refused_with or self._notify_status(call)
        self.notifications.append(Notification(*stamp(), idempotency_key, told, status, call))
        return json_answer(status, {"status": "sent" if status == 200 else "unavailable"})

    def _notify_status(self, call: int) -> int:
        return 200 if call > self.notify_failures else _NOTIFY_REFUSALS[(call - 1) % 2]


def open_helpdesk(settings: HelpdeskSettings) -> Helpdesk:
    """Return a helpdesk full of the tickets its settings describe."""
    tickets = generate(
        settings.seed,
        settings.tickets,
        settings.tenants,
        now=settings.now,
        long_messages=settings.long_messages,
    )
    store = TicketStore()
    store.insert(tickets)
    return Helpdesk(
        settings=settings,
        store=store,
        window=SlidingWindow(settings.limit, settings.period),
        newcomers=newcomers(settings.seed + 1, settings.tenants, settings.now),
        notify_failures=settings.notify_failures,
    )


def notified_ticket(body: bytes) -> str | None:
    """Return the ticket that a notification is about, None if it names none."""
    try:
        told: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return str(told["ticket_id"]) if isinstance(told, dict) and "ticket_id" in told else None


def page_of_query(query: str) -> tuple[int, int] | None:
    """Return page and page size of a query string, None if one is out of bounds."""
    values = parse_qs(query, keep_blank_values=True)
    try:
        page = int(values.get("page", ["1"])[-1])
        size = int(values.get("page_size", [str(PAGE_SIZE)])[-1])
    except ValueError:
        return None
    return (page, size) if page >= 1 and 1 <= size <= PAGE_SIZE else None

"""The shapes of the answers about tickets and tenants, as the OpenAPI document shows them."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from domain.events import ChangeType
from domain.labels import Sentiment, Urgency
from domain.records import Cause

Count = Annotated[int, Field(ge=0)]
_CREATED = "2026-01-31T12:00:00.000Z"
_SEEN = "2026-01-31T12:00:04.117Z"


class EvidenceView(BaseModel):
    """What made a rule speak."""

    rule: str
    text: str


class ClassificationView(BaseModel):
    """Why the labels are what they are."""

    matched: list[EvidenceView]
    ruleset_version: int


class TicketView(BaseModel):
    """One ticket, as far as the read model has got."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "tenant_id": "acme",
                    "external_id": "T-1001",
                    "source": "email",
                    "customer_id": "C-17",
                    "subject": "Charged twice",
                    "message": "I was charged twice this month.",
                    "status": "open",
                    "created_at": _CREATED,
                    "updated_at": _CREATED,
                    "deleted_at": None,
                    "urgency": "high",
                    "sentiment": "negative",
                    "requires_action": True,
                    "classification": {
                        "matched": [{"rule": "money.charged_twice", "text": "charged twice"}],
                        "ruleset_version": 1,
                    },
                    "version": 1,
                    "changed_at": _SEEN,
                }
            ]
        }
    )

    tenant_id: str
    external_id: str
    source: str | None
    customer_id: str | None
    subject: str
    message: str
    status: str
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    urgency: Urgency
    sentiment: Sentiment
    requires_action: bool
    classification: ClassificationView
    version: int
    changed_at: datetime


class ChangeView(BaseModel):
    """One field's value before and after."""

    field: str
    old: Any
    new: Any


class HistoryEntry(BaseModel):
    """One change of a ticket."""

    tenant_id: str
    ticket_id: str
    version: int
    action: ChangeType
    changes: list[ChangeView]
    occurred_at: datetime
    observed_at: datetime
    job_id: str | None
    cause: Cause
    detected_by: str


class Page(BaseModel):
    """Part of a list; `next_cursor` leads on, null at the end."""

    limit: int
    next_cursor: str | None


class TicketPage(Page):
    """Tickets, in the order asked for."""

    tickets: list[TicketView]
    page: int | None = Field(default=None, description="Only where pages were asked for.")
    total: int | None = Field(default=None, description="Only with include_total=true.")


class HistoryPage(Page):
    """The changes of one ticket, oldest first."""

    tenant_id: str
    ticket_id: str
    history: list[HistoryEntry]

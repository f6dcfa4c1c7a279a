"""The shapes of the answers about alerts, for the OpenAPI document."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from api.models import Count, Page
from domain.alerts import AlertState
from domain.labels import Urgency


class AlertView(BaseModel):
    """One transition of a ticket into urgency high, and what became of telling it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "alert_id": "3f0e5a0c-6c2b-5f7e-9d0f-8a2b7c1d4e5f",
                    "tenant_id": "acme",
                    "ticket_id": "T-1001",
                    "version": 1,
                    "action": "created",
                    "urgency": "high",
                    "reason": "created with urgency high (outage: “the shop is down”)",
                    "state": "pending",
                    "due_at": "2026-01-31T12:00:00.000Z",
                    "calls": 2,
                    "next_call_at": "2026-01-31T12:00:04.000Z",
                    "in_flight": False,
                    "last_error": "answered 503",
                    "suppressed": None,
                    "ended_at": None,
                }
            ]
        }
    )

    alert_id: str = Field(description="Also the `Idempotency-Key` that the receiver gets.")
    tenant_id: str
    ticket_id: str
    version: Count = Field(description="Of the ticket, with the change that made the alert due.")
    action: Literal["created", "updated", "restored"]
    urgency: Urgency
    reason: str
    state: AlertState
    due_at: datetime = Field(description="When the change was written to the log.")
    calls: Count = Field(description="How often the receiver was called for it.")
    next_call_at: datetime | None = Field(
        description="Not before then; null: at once, as soon as the circuit lets it, or never."
    )
    in_flight: bool = Field(description="True while a call is out.")
    last_error: str | None = Field(description="What went wrong with the last call.")
    suppressed: str | None = Field(description="Why nobody is told.")
    ended_at: datetime | None = Field(description="When it was delivered or given up.")


class AlertPage(Page):
    """Alerts, newest first."""

    alerts: list[AlertView]

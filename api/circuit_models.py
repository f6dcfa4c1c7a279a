"""The shapes of the answers about circuit breakers, for the OpenAPI document."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from api.models import Count
from domain.circuit import Phase


class CircuitView(BaseModel):
    """A circuit breaker, the same for all processes."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "helpdesk",
                    "state": "open",
                    "failures": 5,
                    "failures_to_open": 5,
                    "window": 10,
                    "open_seconds": 30.0,
                    "opened_at": "2026-01-31T12:00:00.000Z",
                    "retry_at": "2026-01-31T12:00:30.000Z",
                }
            ]
        }
    )

    name: str
    state: Phase = Field(description="`half_open`: one call at a time, to see whether it works.")
    failures: Count = Field(description="Of the last `window` calls.")
    failures_to_open: Count
    window: Count
    open_seconds: Annotated[float, Field(gt=0)]
    opened_at: datetime | None = Field(description="Null while it is closed.")
    retry_at: datetime | None = Field(
        description="When the next call may go out at the latest; null: at once."
    )

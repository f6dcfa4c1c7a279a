"""The shapes of the answer about the whole deployment, for the OpenAPI document."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from api.circuit_models import CircuitView
from api.models import Count

Seconds = Annotated[float, Field(ge=0)]


class LagView(BaseModel):
    """How far a consumer is behind on one partition."""

    consumer: str
    topic: str
    partition: Count
    events: Count = Field(description="Records in the log beyond its checkpoint.")
    seconds: Seconds | None = Field(
        description="Age of the first of them, 0 if there is none; null where the log does not"
        " reach the checkpoint."
    )
    halted: str | None = Field(description="Why it stands still until somebody repairs it.")


class AlertBacklog(BaseModel):
    """What waits to be told."""

    pending: Count
    in_flight: Count = Field(description="Calls of the receiver that are out.")
    dead_letters: Count = Field(description="Refused for good.")
    oldest_seconds: Seconds = Field(description="Age of the oldest that waits, 0 if none does.")


class DeploymentStatus(BaseModel):
    """The deployment as a whole, at most a second old."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "lag": [
                        {
                            "consumer": "tickets",
                            "topic": "tickets.changes",
                            "partition": 0,
                            "events": 12,
                            "seconds": 0.4,
                            "halted": None,
                        }
                    ],
                    "lag_events": 12,
                    "lag_seconds": 0.4,
                    "alerts": {
                        "pending": 2,
                        "in_flight": 1,
                        "dead_letters": 0,
                        "oldest_seconds": 3.7,
                    },
                    "circuits": {
                        "notify": {
                            "name": "notify",
                            "state": "closed",
                            "failures": 1,
                            "failures_to_open": 5,
                            "window": 10,
                            "open_seconds": 30.0,
                            "opened_at": None,
                            "retry_at": None,
                        }
                    },
                    "runs": {"queued": 0, "fetching": 1, "applying": 0},
                    "parked": 0,
                    "as_of": "2026-01-31T12:00:00.000Z",
                }
            ]
        }
    )

    lag: list[LagView]
    lag_events: Count = Field(description="The sum over all partitions.")
    lag_seconds: Seconds | None = Field(description="The highest; null where none is known.")
    alerts: AlertBacklog | None = Field(description="Null for keys of one tenant, as it is of all.")
    circuits: dict[str, CircuitView]
    runs: dict[str, Count] | None = Field(description="How many are on, by phase; null likewise.")
    parked: Count | None = Field(
        description="Tickets whose next event could not be applied; null likewise."
    )
    as_of: datetime

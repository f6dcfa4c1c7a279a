"""Query parameters: their types, and one model per kind of route; others are refused."""

from datetime import datetime
from typing import Annotated, Final, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)

from api.intervals import Interval
from domain.errors import RejectedRecordError
from domain.identity import MAX_ID_LENGTH, TENANT_PATTERN
from domain.instants import parse_instant
from domain.runs import ALL_TENANTS

_LONGEST_LIST: Final = 1_000
ONE_OF = r"^({0})(,({0}))*$"


def _with_plus(text: object) -> object:
    """A `+` that nobody escaped arrives as a space; neither zones nor instants have one."""
    return text.replace(" ", "+") if isinstance(text, str) else text


def _instant(text: object) -> datetime:
    if isinstance(text, str) and "T" in text:
        text = _with_plus(text)
    try:
        return parse_instant(text, "instant")
    except RejectedRecordError as error:
        raise ValueError(error.reason.removeprefix("instant: ")) from None


TenantId = Annotated[str, Field(pattern=TENANT_PATTERN, examples=["acme"])]
RunTarget = Annotated[
    str,
    Field(
        pattern=rf"{TENANT_PATTERN}|^\*$",
        description=f"A tenant, or `{ALL_TENANTS}`: one crawl for all of them.",
        examples=["acme"],
    ),
]
TicketId = Annotated[str, Field(max_length=MAX_ID_LENGTH, examples=["T-1001"])]
Instant = Annotated[
    datetime, PlainValidator(_instant), WithJsonSchema({"type": "string", "format": "date-time"})
]
CommaList = Annotated[str, Field(max_length=_LONGEST_LIST, description="Comma means or.")]
Limit = Annotated[int, Field(ge=1, le=1000, description="Rows in one answer; 50 if not given.")]
Wait = Annotated[float, Field(ge=0, le=300, allow_inf_nan=False)]
CursorText = Annotated[
    str, Field(max_length=1000, description="`next_cursor` of the answer before.")
]


class NoParameters(BaseModel):
    """The route takes no query parameters."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TenantQuery(NoParameters):
    """Whose documents."""

    tenant_id: TenantId


class TargetQuery(NoParameters):
    """Whose run."""

    tenant_id: RunTarget


class RunQuery(TargetQuery):
    """A run to start."""

    wait: Annotated[
        Wait, Field(description="Seconds to wait for the end; then the run goes on all the same.")
    ] = 0
    confirm_deletions: Annotated[
        bool, Field(description="Believe it if many of a tenant's tickets are gone at once.")
    ] = False


class CancelQuery(NoParameters):
    """A run to stop."""

    wait: Annotated[Wait, Field(description="Seconds to wait until it has ended.")] = 2


class TicketQuery(TenantQuery):
    """One ticket."""

    include_deleted: Annotated[bool, Field(description="Show it though it is deleted.")] = False


class ListQuery(TenantQuery):
    """A list of a tenant's documents, cursor by cursor."""

    limit: Limit | None = None
    cursor: CursorText | None = None


class LogsQuery(TargetQuery):
    """The audits of a tenant, or of the runs of all."""

    limit: Limit | None = None
    cursor: CursorText | None = None


class StatisticsQuery(NoParameters):
    """Which tickets to count, by `created_at`, and in which zone hours begin."""

    from_date: Annotated[Instant | None, Field(description="Created then or later.")] = None
    to_date: Annotated[Instant | None, Field(description="Created before then.")] = None
    tz: Annotated[
        str,
        BeforeValidator(_with_plus),
        Field(max_length=64, description="An IANA name, or an offset like `+05:30`."),
    ] = "UTC"

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.from_date and self.to_date and self.from_date > self.to_date:
            raise ValueError("from_date is later than to_date")
        return self


class TrendQuery(StatisticsQuery):
    """The same by hour, day or week: by default the last 24 hours, 30 days or 12 weeks."""

    interval: Annotated[
        Interval, Field(description="Hours, days or weeks (from Monday on) by the zone's clock.")
    ] = "day"

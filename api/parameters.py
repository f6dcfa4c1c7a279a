"""Query parameters: their types, and one model per kind of route; others are refused."""

from datetime import datetime
from typing import Annotated, Final, Literal, Self

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

MOST_ROWS: Final = 10_000
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
SortName = Literal[
    "created_at", "-created_at", "updated_at", "-updated_at", "changed_at", "-changed_at"
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


class TicketsQuery(ListQuery):
    """Which tickets, in which order, and how many."""

    status: CommaList | None = None
    urgency: Annotated[CommaList, Field(pattern=ONE_OF.format("high|medium|low"))] | None = None
    sentiment: (
        Annotated[CommaList, Field(pattern=ONE_OF.format("negative|neutral|positive"))] | None
    ) = None
    source: CommaList | None = None
    customer_id: CommaList | None = None
    requires_action: bool | None = None
    external_id: Annotated[
        TicketId | None, Field(description="The one ticket with this id, also of odd ids.")
    ] = None
    created_from: Annotated[Instant | None, Field(description="Created then or later.")] = None
    created_to: Annotated[Instant | None, Field(description="Created before then.")] = None
    updated_since: Annotated[
        Instant | None, Field(description="`changed_at` then or later; sorts by `changed_at`.")
    ] = None
    include_deleted: Annotated[
        bool, Field(description="Deleted ones too; only in the order of `changed_at`.")
    ] = False
    include_total: Annotated[bool, Field(description="Count what matches, all pages.")] = False
    sort: SortName | None = None
    page: Annotated[int, Field(ge=1, description="From 1; instead of a cursor.")] | None = None
    page_size: Limit | None = None

    @property
    def order(self) -> SortName:
        """The order asked for, or what goes with the filters."""
        if self.sort is not None:
            return self.sort
        by_change = self.updated_since is not None or self.include_deleted
        return "changed_at" if by_change else "-created_at"

    @property
    def is_paged(self) -> bool:
        """True if pages were asked for by number."""
        return self.page is not None or self.page_size is not None

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.created_from and self.created_to and self.created_from > self.created_to:
            raise ValueError("created_from is later than created_to")
        if self.include_deleted and self.order.lstrip("-") != "changed_at":
            raise ValueError("include_deleted goes with sort=changed_at or sort=-changed_at")
        if self.is_paged and (self.cursor is not None or self.limit is not None):
            raise ValueError("page and page_size exclude cursor and limit")
        if (self.page or 1) * (self.page_size or 50) > MOST_ROWS:
            raise ValueError(
                f"pages end at {MOST_ROWS} rows; follow next_cursor, which has no end,"
                " or narrow the filters"
            )
        return self


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

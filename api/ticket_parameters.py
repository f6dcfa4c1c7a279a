"""Query parameters of the routes about tickets: which ones, in which order, in which form."""

from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from api.parameters import (
    ONE_OF,
    CommaList,
    Instant,
    Limit,
    ListQuery,
    TenantQuery,
    TicketId,
)
from api.word_search import MOST_WORDS, words_asked

MOST_ROWS: Final = 10_000
_LONGEST_QUESTION: Final = 200
_WORDS: Final = (
    f"Words, at most {MOST_WORDS}, that all occur in the subject or the message, as whole words."
    " A word is a run of letters and digits; everything else, quotes and signs too, separates"
    " words and means nothing. Case does not matter; accents do. No index knows words: the tickets"
    " that match the other filters are read, in order, for a few seconds at most."
)
_SINCE: Final = (
    "`changed_at` then or later; sorts by `changed_at`. With `include_deleted=true` a feed: ask"
    " again with the `changed_at` of the last row, and every ticket that changed since comes in"
    " its latest state, deletions too, rows of that very instant once more. `changed_at` is when"
    " the source was observed, not when the change was stored: what arrives late, is replayed, or"
    " waited behind a lag may be stored with an earlier one. So ask from as much earlier as your"
    " sources may be late, and drop rows whose `external_id` and `version` you know."
)

SortName = Literal[
    "created_at", "-created_at", "updated_at", "-updated_at", "changed_at", "-changed_at"
]


def _with_words(text: str) -> str:
    words_asked(text)
    return text


class TicketFilters(TenantQuery):
    """Which tickets."""

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
    q: (
        Annotated[
            str,
            AfterValidator(_with_words),
            Field(max_length=_LONGEST_QUESTION, description=_WORDS, examples=["charged twice"]),
        ]
        | None
    ) = None
    created_from: Annotated[Instant | None, Field(description="Created then or later.")] = None
    created_to: Annotated[Instant | None, Field(description="Created before then.")] = None
    updated_since: Annotated[Instant | None, Field(description=_SINCE)] = None
    include_deleted: Annotated[
        bool, Field(description="Deleted ones too; only in the order of `changed_at`.")
    ] = False

    @property
    def order(self) -> SortName:
        """The order that goes with the filters."""
        by_change = self.updated_since is not None or self.include_deleted
        return "changed_at" if by_change else "-created_at"

    @model_validator(mode="after")
    def _bounds_agree(self) -> Self:
        if self.created_from and self.created_to and self.created_from > self.created_to:
            raise ValueError("created_from is later than created_to")
        return self


class TicketsQuery(TicketFilters, ListQuery):
    """Which tickets, in which order, and how many."""

    include_total: Annotated[bool, Field(description="Count what matches, all pages.")] = False
    sort: SortName | None = None
    page: Annotated[int, Field(ge=1, description="From 1; instead of a cursor.")] | None = None
    page_size: Limit | None = None

    @property
    def order(self) -> SortName:
        """The order asked for, or what goes with the filters."""
        return self.sort or super().order

    @property
    def is_paged(self) -> bool:
        """True if pages were asked for by number."""
        return self.page is not None or self.page_size is not None

    @model_validator(mode="after")
    def _agree(self) -> Self:
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


class ExportQuery(TicketFilters):
    """Which tickets, and in which form."""

    format: Annotated[
        Literal["csv", "ndjson"],
        Field(
            description="`csv` for spreadsheets; `ndjson`, a ticket on each line, changes nothing."
        ),
    ] = "csv"

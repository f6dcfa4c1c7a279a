"""Faults a helpdesk can be asked for, and the plan that says which request meets which.

Every fault names a route and may be narrowed to one page or ticket.  Counted from its installation,
it fires from the `from_request`-th matching request on, `times` times (None: for ever), each time
with `probability`.  As JSON, `kind` names the class.
"""

import random
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

import msgspec

RouteName: TypeAlias = Literal["tickets", "ticket", "deleted", "health", "notify"]
Shape: TypeAlias = Literal[
    "not_json", "truncated", "empty", "null", "not_an_object", "wrong_shape",
    "tickets_not_a_list", "wrong_next_page", "not_utf8",
]  # fmt: skip
BadRow: TypeAlias = Literal[
    "no_id", "null_id", "no_tenant", "bad_tenant", "wrong_types", "no_created_at",
    "bad_created_at", "oversize_message", "lone_surrogate", "big_integer", "nul", "control_id",
    "long_id", "not_an_object",
]  # fmt: skip


class Fault(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"
):
    """When a fault fires."""

    route: RouteName = "tickets"
    page: int | None = None
    ticket_id: str | None = None
    from_request: int = 1
    times: int | None = 1
    probability: float = 1.0
    seed: int = 0


class Refusal(Fault, frozen=True, tag="refusal"):
    """Answers `status`; Retry-After is any text, or a date so many seconds ahead."""

    status: int
    retry_after: str | None = None
    retry_date_in: float | None = None


class Hang(Fault, frozen=True, tag="hang"):
    """Answers nothing, and closes the connection after `seconds`."""

    seconds: float = 3_600.0


class Drop(Fault, frozen=True, tag="drop"):
    """Closes the connection after so many bytes of the body; 0: before the first of the answer."""

    after_bytes: int = 200


class Garbage(Fault, frozen=True, tag="garbage"):
    """Answers 200 with a body that is none."""

    shape: Shape = "not_json"


class SlowAnswer(Fault, frozen=True, tag="slow_answer"):
    """Answers rightly, spread over `seconds` in `chunks`: 1 waits, then sends the whole."""

    seconds: float
    chunks: int = 1


class InsertedRows(Fault, frozen=True, tag="inserted_rows"):
    """Puts new tickets before row `position` of the first page, just before serving."""

    rows: int = 1
    position: int = 0


class RemovedRows(Fault, frozen=True, tag="removed_rows"):
    """Deletes the first rows of the pages before this one, just before serving it."""

    rows: int = 1
    listed: bool = True


class MovedRows(Fault, frozen=True, tag="moved_rows"):
    """Moves the first rows of the next page to the front of the first, just before serving."""

    rows: int = 1


class TouchedRows(Fault, frozen=True, tag="touched_rows"):
    """Moves `updated_at` of the page's first rows by `seconds`, just before serving."""

    rows: int = 1
    seconds: float = -3_600.0


class BadRows(Fault, frozen=True, tag="bad_rows"):
    """Adds rows no contract allows at the end of the page, of the first tenant unless named."""

    rows: list[BadRow]
    tenant_id: str | None = None


class OmittedRows(Fault, frozen=True, tag="omitted_rows"):
    """Leaves out of the page the first rows, and those with `ids`, though the tickets live."""

    rows: int = 0
    ids: list[str] = []


class WrongTotal(Fault, frozen=True, tag="wrong_total"):
    """Adds `by` to `total_count`."""

    by: int = 1


class RepeatedPage(Fault, frozen=True, tag="repeated_page"):
    """Names page `to` (None: the same one again) as the next."""

    to: int | None = None
    times: int | None = None


class EmptyPage(Fault, frozen=True, tag="empty_page"):
    """Shows no tickets; the last page too, unless `goes_on`."""

    goes_on: bool = False


AnyFault: TypeAlias = (
    Refusal | Hang | Drop | Garbage | SlowAnswer | InsertedRows | RemovedRows | MovedRows
    | TouchedRows | BadRows | OmittedRows | WrongTotal | RepeatedPage | EmptyPage
)  # fmt: skip


class Target(NamedTuple):
    """What a request asks for."""

    route: RouteName
    page: int | None = None
    ticket_id: str | None = None


@dataclass(slots=True)
class PlannedFault:
    """A fault with what it has seen and done so far."""

    fault: AnyFault
    seen: int = 0
    fired: int = 0
    rng: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.fault.seed)  # noqa: S311  repeatable, not secret

    def fires(self, target: Target) -> bool:
        """Count a request, and say whether it meets the fault."""
        fault = self.fault
        if not _aims_at(fault, target):
            return False
        self.seen += 1
        spent = fault.times is not None and self.fired >= fault.times
        if self.seen < fault.from_request or spent or self.rng.random() >= fault.probability:
            return False
        self.fired += 1
        return True


@dataclass(slots=True)
class FaultPlan:
    """The faults installed at present, in order."""

    planned: list[PlannedFault] = field(default_factory=list)

    def install(self, faults: list[AnyFault]) -> None:
        """Add `faults` to the plan."""
        self.planned.extend(PlannedFault(fault) for fault in faults)

    def fire(self, target: Target) -> list[AnyFault]:
        """Return the faults that this request meets."""
        return [planned.fault for planned in self.planned if planned.fires(target)]


def _aims_at(fault: AnyFault, target: Target) -> bool:
    return (
        fault.route == target.route
        and fault.page in (None, target.page)
        and fault.ticket_id in (None, target.ticket_id)
    )

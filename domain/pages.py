"""Answers of the helpdesk, read and judged: one that contradicts itself is garbage."""

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeGuard

import msgspec

from domain.errors import HelpdeskError
from domain.sweeps import PAGE_SIZE

_LARGEST: Final = 2**31 - 1  # no helpdesk has more pages or tickets, and any database holds it
_LONGEST_INTEGER: Final = 40  # digits; the interpreter refuses thousands


class Page(NamedTuple):
    """One page of tickets: rows as they came, where to go on (None at the end), rows in all.

    `total_count` is None where the helpdesk does not count.
    """

    rows: list[Any]
    next_page: int | None
    total_count: int | None


def read_page(content: bytes, number: int) -> Page:
    """Page `number`.

    Raises:
        HelpdeskError: it is garbage; another attempt may do better.
    """
    body = _object(content)
    rows, next_page, total = body.get("tickets"), body.get("next_page"), body.get("total_count")
    if not isinstance(rows, list):
        raise _garbage("tickets is no list")
    if "next_page" not in body or not (next_page is None or _is_number(next_page)):
        raise _garbage("next_page is no number")
    is_count = _is_number(total) and total >= 0
    page = Page(rows, next_page, total if is_count else None)
    if reason := _contradiction(page, number):
        raise _garbage(reason)
    return page


def read_deleted_ids(content: bytes) -> frozenset[str]:
    """The ids of deleted tickets, as text.

    Raises:
        HelpdeskError: it is garbage; another attempt may do better.
    """
    ids = _object(content).get("deleted_ids")
    if not isinstance(ids, list) or not all(isinstance(i, str) or _is_whole(i) for i in ids):
        raise _garbage("deleted_ids is no list of ids")
    return frozenset(map(str, ids))


def read_detail(content: bytes) -> Mapping[str, Any]:
    """One ticket's row, not validated.

    Raises:
        HelpdeskError: it is garbage; another attempt may do better.
    """
    return _object(content)


def _contradiction(page: Page, number: int) -> str | None:
    """Why the page cannot be the last, though it says so; rows that move explain one page."""
    if page.next_page is not None or page.total_count is None:
        return None
    left = page.total_count - number * PAGE_SIZE
    if left > (PAGE_SIZE if page.rows else -PAGE_SIZE):
        return f"{len(page.rows)} rows and no next page, though {page.total_count} are counted"
    return None


def _object(content: bytes) -> dict[str, Any]:
    try:
        body = _decoded(content)
    except (ValueError, RecursionError) as error:
        raise _garbage(f"{type(error).__name__}: {error}") from error
    if not isinstance(body, dict):
        raise _garbage(f"{type(body).__name__} instead of an object")
    return body


def _decoded(content: bytes) -> object:
    try:
        return msgspec.json.decode(content)
    except msgspec.DecodeError:
        # One row with a lone surrogate or a number beyond all bounds must not cost the others: this
        # decoder lets it through, and the row's own validation refuses it.
        return json.loads(content, parse_int=_integer)


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else float(digits)


def _is_number(value: object) -> TypeGuard[int]:
    return _is_whole(value) and abs(value) <= _LARGEST


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _garbage(reason: str) -> HelpdeskError:
    return HelpdeskError(f"garbage: {reason}", retryable=True)

"""How `deskstream dlq` shows letters: lines and tables for people, plain values for programs."""

import base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import typer

from cli.output import print_json, table

if TYPE_CHECKING:
    from infra.mongo import Document
    from streams.redrive_plan import Planned

_SHORT_ID: Final = 12  # characters
_LONGEST_VALUE: Final = 120
_COLUMNS: Final = ("id", "state", "tenant", "ticket", "stood at", "first seen", "reason")
_LISTED: Final = (
    "position", "state", "tenant_id", "external_id", "reason", "length", "sha256", "complete",
    "arrived_at", "first_seen", "last_seen", "redriven_to", "trail",
)  # fmt: skip


def letter_row(document: "Document") -> dict[str, Any]:
    """A letter without its payload."""
    return {"id": document["_id"]} | {name: document.get(name) for name in _LISTED}


def print_letters(documents: "Sequence[Document]", total: int) -> None:
    """A table of letters."""
    from rich.console import Console

    if not documents:
        typer.echo("no dead letters")
        return
    Console().print(table("Dead letters", _COLUMNS, map(_cells, documents)))
    if total > len(documents):
        typer.echo(f"{len(documents):,} of {total:,}; --limit shows more")


def print_letter(document: "Document", *, as_json: bool) -> None:
    """A whole letter."""
    whole = letter_row(document) | {
        "key": _readable(document["key"]),
        "headers": [[name, _readable(value)] for name, value in document["headers"]],
        "value": _readable(document["value"]),
    }
    if as_json:
        print_json(whole)
        return
    for name, value in whole.items():
        if name not in ("trail", "headers", "value"):
            typer.echo(f"{name:12} {'-' if value is None else value}")
    for name, value in whole["headers"]:
        typer.echo(f"header       {name}: {value}")
    for done in whole["trail"]:
        typer.echo(f"{done['at']:%Y-%m-%d %H:%M:%S}  {done['action']}: {done['reason']}")
    typer.echo(whole["value"])


def print_planned(planned: "Planned", *, shown: bool) -> dict[str, Any]:
    """What becomes of one letter, as a line if `shown`; return it for programs."""
    letter = planned.letter
    row: dict[str, Any] = {
        "id": letter.id,
        "position": letter.position,
        "tenant_id": letter.tenant_id,
        "external_id": letter.external_id,
        "outcome": planned.outcome,
        "why": planned.why,
        "changes": [
            {"field": c.field, "old": _cut(c.old), "new": _cut(c.new)} for c in planned.changes
        ],
    }
    if shown:
        ticket = f"{letter.tenant_id or '?'}:{letter.external_id or '?'}"
        fields = ", ".join(change["field"] for change in row["changes"])
        about = planned.why or fields
        line = f"{letter.id[:_SHORT_ID]}  {planned.outcome:10} {ticket}"
        typer.echo(f"{line}  ({about})" if about else line)
    return row


def print_plan(totals: Mapping[str, int], *, sent: bool) -> None:
    """The last line."""
    if not totals:
        typer.echo("no dead letter waits here")
        return
    said = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(totals.items()))
    typer.echo(f"{'redrive' if sent else 'plan, nothing was written'}: {said}")


def _cells(document: "Document") -> tuple[object, ...]:
    seen = document["first_seen"].isoformat(timespec="seconds")
    ticket = (document["tenant_id"], document["external_id"], document["position"])
    return document["_id"][:_SHORT_ID], document["state"], *ticket, seen, document["reason"]


def _readable(content: bytes | None) -> str | dict[str, str] | None:
    """Bytes as text where they are UTF-8, else as base64 under that name."""
    if content is None:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode()}


def _cut(value: str | bool | None) -> str | bool | None:
    return value[:_LONGEST_VALUE] if isinstance(value, str) else value

"""JSON Schemas (2020-12) of what is on the topics, from the code that reads and writes it."""

from typing import Any, Final

from dev.contracts.schema_parts import (
    ATTRIBUTE,
    DIALECT,
    IDENTIFIER,
    INSTANT,
    TENANT,
    TEXT,
    UUID,
    Schema,
    or_null,
    schema_of,
)
from domain import dead_letters as letters
from domain.cloudevents import DELETED, OBSERVED
from domain.events import READ_AS_THEY_ARE, ChangeEvent, RunMarker
from domain.observations import MAX_RECORD_BYTES
from domain.records import ClassifiedRecord, RunEnded
from domain.runs import RunAudit

_LIMITS: Final = (
    f" A record has at most {MAX_RECORD_BYTES} bytes, key and headers included; its text holds"
    " no lone surrogates."
)
_SHA256: Final = "^[0-9a-f]{64}$"
_NUMBER: Final = "^[0-9]{1,15}$"
_TICKET: Final[Schema] = {
    "description": "The ticket as a source showed it; other members are left out.",
    "type": "object",
    "required": ["id", "tenant_id", "status", "created_at"],
    "properties": {
        "id": IDENTIFIER,
        "tenant_id": TENANT,
        "source": or_null(TEXT),
        "customer_id": {"anyOf": [*IDENTIFIER["anyOf"], {"const": ""}, {"type": "null"}]},
        "subject": or_null(TEXT),
        "message": or_null(TEXT),
        "status": {**TEXT, "minLength": 1},
        "created_at": INSTANT,
        "updated_at": or_null(INSTANT),
    },
}
_DELETION: Final[Schema] = {
    "description": "The ticket that is gone, and since when.",
    "type": "object",
    "required": ["tenant_id", "external_id", "deleted_at"],
    "properties": {"tenant_id": TENANT, "external_id": IDENTIFIER, "deleted_at": INSTANT},
}
_REFINED: Final[dict[str, Schema]] = {
    "schema_version": {"enum": sorted(READ_AS_THEY_ARE)},
    "tenant_id": TENANT,
    **dict.fromkeys(("subject", "message", "status", "source"), TEXT),
    "version": {"type": "integer", "minimum": 1},
}


def event_schemas() -> dict[str, Schema]:
    """Each schema by its name."""
    changed = {**_REFINED, "id": UUID}
    return {
        "ticket-observed": _envelope(OBSERVED, "A source shows a ticket.", _TICKET),
        "ticket-deleted": _of_crawls(_envelope(DELETED, "A source's ticket is gone.", _DELETION)),
        "run-ended": _run_ended(),
        "classified-record": schema_of("classified-record", ClassifiedRecord, _REFINED),
        "change-event": schema_of("change-event", ChangeEvent, changed),
        "run-marker": schema_of("run-marker", RunMarker, _REFINED),
        "run-audit": schema_of("run-audit", RunAudit, _of_all(_REFINED)),
        "run-command": _command(),
        "dead-letter-headers": _letter_headers(),
    }


def _envelope(kind: str, says: str, data: Schema) -> Schema:
    return {
        "$schema": DIALECT,
        "$id": f"urn:deskstream:schema:{kind.replace('.', '-')}",
        "title": kind,
        "description": says + _LIMITS,
        "type": "object",
        "required": ["specversion", "type", "source", "id", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "type": {"const": kind},
            "source": {**ATTRIBUTE, "description": "Who says it, as a URI reference."},
            "id": {**ATTRIBUTE, "description": "Names the event among those of its source."},
            "time": or_null({**INSTANT, "description": "When it was seen; else Kafka's stamp."}),
            "datacontenttype": {"type": "string", "examples": ["application/json"]},
            "jobid": or_null({**ATTRIBUTE, "description": "The run; upstream systems omit it."}),
            "data": data,
        },
    }


def _of_crawls(deletion: Schema) -> Schema:
    """A deletion that a run reports says by which evidence."""
    of_run = {"required": ["jobid"], "properties": {"jobid": {"type": "string"}}}
    deletion["properties"]["detectedby"] = {
        **ATTRIBUTE,
        "description": "By which evidence a run knows; upstream systems omit it.",
    }
    return {**deletion, "if": of_run, "then": {"required": ["detectedby"]}}


def _run_ended() -> Schema:
    marker = schema_of("run-ended", RunEnded, _REFINED)["$defs"]["RunEnded"]
    for internal in ("type", "origin"):
        marker["properties"].pop(internal)
    marker["required"].remove("type")
    schema = _envelope("run.ended", "A run wrote nothing more to this partition.", marker)
    schema["required"] = [*schema["required"], "jobid"]
    schema["properties"]["jobid"] = ATTRIBUTE
    return schema


def _of_all(refined: dict[str, Schema]) -> dict[str, Schema]:
    """The run of all tenants has `*` for a tenant."""
    return {**refined, "tenant_id": {"anyOf": [TENANT, {"const": "*"}]}}


def _command() -> Schema:
    return {
        "$schema": DIALECT,
        "$id": "urn:deskstream:schema:run-command",
        "title": "run-command",
        "description": "Wakes a worker; the job is in MongoDB, so that a lost one is a delay.",
        "type": "object",
        "required": ["job_id", "tenant_id"],
        "properties": {"job_id": UUID, "tenant_id": _of_all({})["tenant_id"]},
    }


def _letter_headers() -> Schema:
    texts: dict[str, Any] = {
        letters.ID: {"pattern": _SHA256, "description": "Of the position: repeats count once."},
        letters.REASON: {"maxLength": 2000, "description": "Why nothing could process it."},
        letters.POSITION: {
            "description": "`topic/partition/offset`, or `crawl/run/number` of a row.",
        },
        letters.LENGTH: {"pattern": _NUMBER, "description": "Bytes of the original value."},
        letters.SHA256: {"pattern": _SHA256, "description": "Of the original value."},
        letters.TIMESTAMP: {
            "pattern": "^-?[0-9]+$",
            "description": "When it arrived, in milliseconds since 1970.",
        },
        letters.INCOMPLETE: {"description": "What is missing besides the end of the value."},
    }
    return {
        "$schema": DIALECT,
        "$id": "urn:deskstream:schema:dead-letter-headers",
        "title": "dead-letter-headers",
        "description": "The headers of a record of `tickets.dead-letters`, as UTF-8.",
        "type": "object",
        "required": [
            *(letters.ID, letters.REASON, letters.POSITION, letters.LENGTH, letters.SHA256)
        ],
        "properties": {name: {"type": "string", **said} for name, said in texts.items()},
        "patternProperties": {
            f"^{letters.ORIGINAL}": {"description": "A header of the original; any bytes."}
        },
        "additionalProperties": False,
    }

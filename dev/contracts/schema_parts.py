"""Parts that the schemas of events share, from the limits that the validators of `domain` know."""

import re
from typing import Any, Final, TypeAlias

import msgspec

from domain.cloudevents import LONGEST_ATTRIBUTE
from domain.identity import MAX_ID_LENGTH, TENANT_PATTERN
from domain.observations import LARGEST_INTEGER

Schema: TypeAlias = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_NO_NUL: Final = r"^[^\u0000]*$"
_NO_CONTROL: Final = r"^[^\u0000-\u001f\u007f-\u009f]*$"
_DAY: Final = r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_MINUTE: Final = r"([01][0-9]|2[0-3]):[0-5][0-9]"
_SECOND: Final = r"[0-5][0-9]"
_OFFSET: Final = r"([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"

TEXT: Final[Schema] = {"type": "string", "pattern": _NO_NUL}
ATTRIBUTE: Final[Schema] = {**TEXT, "minLength": 1, "maxLength": LONGEST_ATTRIBUTE}
TENANT: Final[Schema] = {"type": "string", "pattern": TENANT_PATTERN}
IDENTIFIER: Final[Schema] = {
    "description": "An integer, written without a fraction, becomes its decimal text.",
    "anyOf": [
        {"type": "string", "minLength": 1, "maxLength": MAX_ID_LENGTH, "pattern": _NO_CONTROL},
        {"type": "integer", "minimum": -LARGEST_INTEGER - 1, "maximum": LARGEST_INTEGER},
    ],
}
INSTANT: Final[Schema] = {
    "description": "ISO 8601; no zone means UTC. Cut to milliseconds.",
    "type": "string",
    "pattern": rf"^{_DAY}([Tt ]{_MINUTE}(:{_SECOND}([.,][0-9]+)?)?{_OFFSET}?)?$",
}
LOGGED_INSTANT: Final[Schema] = {
    "type": "string",
    "format": "date-time",
    "pattern": rf"^{_DAY}T{_MINUTE}:{_SECOND}(\.[0-9]{{1,6}})?Z$",
}
UUID: Final[Schema] = {
    "type": "string",
    "format": "uuid",
    "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
}


def or_null(schema: Schema) -> Schema:
    """The schema, or null."""
    said = {"description": schema["description"]} if "description" in schema else {}
    rest = {name: value for name, value in schema.items() if name != "description"}
    return {**said, "anyOf": [rest, {"type": "null"}]}


def schema_of(name: str, record: Any, refined: dict[str, Schema]) -> Schema:  # noqa: ANN401 (a type)
    """The schema of a record of ours, as its bytes are written.

    `refined` says more of members than their types do, by name, wherever they occur; whatever
    counts is not negative, and every instant is one of the log.
    """
    made = msgspec.json.schema(record)
    for definition in made.get("$defs", {}).values():
        if "description" in definition:
            definition["description"] = " ".join(definition["description"].split())
        for member, schema in definition.get("properties", {}).items():
            definition["properties"][member] = _refined(member, schema, refined)
    made.pop("discriminator", None)  # of OpenAPI, not of JSON Schema
    return {"$schema": DIALECT, "$id": f"urn:deskstream:schema:{name}", **made}


def _refined(member: str, schema: Schema, refined: dict[str, Schema]) -> Schema:
    types = [part.get("type") for part in schema.get("anyOf", [schema])]
    if member in refined and "enum" not in schema:
        better = refined[member]
    elif member.endswith("_at") or member == "time":
        better = LOGGED_INSTANT
    elif types == ["integer"]:
        return {"minimum": 0, **schema}
    else:
        return _in_ecma(schema)
    return or_null(better) if "null" in types else better


def _in_ecma(schema: Schema) -> Schema:
    """The schema with its patterns as JSON Schema spells them: Python has words of its own."""
    if "anyOf" in schema:
        return {**schema, "anyOf": [_in_ecma(part) for part in schema["anyOf"]]}
    if "pattern" not in schema:
        return schema
    pattern = schema["pattern"].replace(r"\Z", "$")
    return {**schema, "pattern": re.sub(r"\\x([0-9a-f]{2})", r"\\u00\1", pattern)}

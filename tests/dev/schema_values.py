"""Values that a JSON Schema allows, for Hypothesis: as much of 2020-12 as our schemas use."""

import base64
import re
from collections.abc import Callable
from typing import Any, TypeAlias

from hypothesis import strategies as st

Schema: TypeAlias = dict[str, Any]

TEXT = st.characters(codec="utf-8")
LARGEST = 2**63 - 1
NONE_OF = re.compile(r"\[\^[^\]]+\]\*")


def values_of(schema: Schema) -> st.SearchStrategy[Any]:
    """Values that are valid by `schema`, often at the edge of it."""
    return _values(schema, schema.get("$defs", {}))


def _values(schema: Schema, defs: Schema) -> st.SearchStrategy[Any]:
    if "$ref" in schema:
        return _values(defs[schema["$ref"].removeprefix("#/$defs/")], defs)
    if "anyOf" in schema:
        return st.one_of(*(_values(part, defs) for part in schema["anyOf"]))
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum") or [schema["const"]])
    return MAKERS[schema["type"]](schema, defs)


def _objects(schema: Schema, defs: Schema) -> st.SearchStrategy[Any]:
    members = {name: _values(part, defs) for name, part in schema["properties"].items()}
    needed = {name: members.pop(name) for name in schema["required"]}
    return st.fixed_dictionaries(needed, optional=members)


def _arrays(schema: Schema, defs: Schema) -> st.SearchStrategy[Any]:
    if "prefixItems" in schema:
        return st.tuples(*(_values(part, defs) for part in schema["prefixItems"])).map(list)
    return st.lists(_values(schema["items"], defs), max_size=3)


def _strings(schema: Schema, _: Schema) -> st.SearchStrategy[str]:
    if schema.get("contentEncoding") == "base64":
        return st.binary().map(lambda some: base64.b64encode(some).decode())
    shortest, longest = schema.get("minLength", 0), schema.get("maxLength", 10_000)
    pattern = schema.get("pattern", "").removeprefix("^").removesuffix("$")
    if not pattern or NONE_OF.fullmatch(pattern):
        allowed = TEXT.filter(lambda some: not pattern or re.fullmatch(pattern, some))
        return st.text(allowed, min_size=shortest, max_size=longest)
    made = st.from_regex(pattern, fullmatch=True, alphabet=TEXT)
    return made.filter(lambda text: shortest <= len(text) <= longest)


def _integers(schema: Schema, _: Schema) -> st.SearchStrategy[int]:
    return st.integers(schema.get("minimum", -LARGEST), schema.get("maximum", LARGEST))


MAKERS: dict[str, Callable[[Schema, Schema], st.SearchStrategy[Any]]] = {
    "object": _objects,
    "array": _arrays,
    "string": _strings,
    "integer": _integers,
    "boolean": lambda *_: st.booleans(),
    "null": lambda *_: st.none(),
}

"""Malformed records from a seed: what breaks the contract of a topic, in all ways known."""

import gzip
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any, Final, NamedTuple, TypeAlias

from domain.topics import CHANGES, CLASSIFIED, DEAD_LETTERS, RAW, RUN_EVENTS

Document: TypeAlias = dict[str, Any]
Header: TypeAlias = tuple[str, bytes]
Path: TypeAlias = tuple[str | int, ...]

_INSTANT: Final = "2026-11-20T10:00:00Z"
_NO_TENANTS: Final = ("", "a b", "ä", "a" * 65, "acme\n", "acme:x", "../acme", "acme\x00", "*" * 3)
_NO_IDENTIFIERS: Final = ("", "x" * 257, "a\x00b", "a\nb", "a\x7fb", "\x85")
_NO_INSTANTS: Final = ("yesterday", "", "2026-13-45T99:00:00Z", "0001-01-01T00:00:00+23:59", "T")
_NO_UTC: Final = (*_NO_INSTANTS, "2026-11-20T10:00:00", "2026-11-20T10:00:00+05:00")
_NO_NUMBERS: Final[tuple[object, ...]] = (
    -1,
    2**63,
    2**64,
    10**400,
    1.5,
    1e308,
    "1",
    None,
    True,
    [],
)
_NOTHING: Final[tuple[object, ...]] = (
    {},
    [],
    [1],
    True,
    1.5,
    -7,
    {"$gt": ""},
    {"a": {"b": [None]}},
)
_OBJECT: Final[tuple[object, ...]] = ("text", 7, [], None, True, [[]])
_DEEPEST: Final = 100_000

# Well formed, and so refused by the sync agent only, which knows what runs there are.
FORGED_END: Final = "forged end of a run"


class Malformed(NamedTuple):
    """A record that must end in dead letters; `kind` says in a word or two what is wrong."""

    kind: str
    value: bytes | None
    key: bytes | None = None
    headers: tuple[Header, ...] = ()


Spoil: TypeAlias = Callable[[random.Random, Document], Malformed]


class _Shape(NamedTuple):
    """A sound record of a topic, and what may not stand in its members."""

    sound: Document
    wrong: Mapping[Path, Sequence[object]]


def malformed(topic: str, seed: int) -> Iterator[Malformed]:
    """Malformed records for a topic without end; the same ones for the same seed.

    On `tickets.dead-letters` every record is a dead letter itself, whatever it holds.
    """
    chance = random.Random(f"{topic}/{seed}")  # noqa: S311 (repeatable is what it is for)
    while True:
        if topic == DEAD_LETTERS:
            yield _letter(chance)
            continue
        shape = _named(chance.choice(_SHAPES[topic]), chance)
        spoils = _SPOILS + _RAW_SPOILS * (topic == RAW)
        if chance.random() < 0.5:
            yield _with_wrong_member(chance, shape)
        else:
            yield chance.choice(spoils)(chance, shape.sound)


def _named(shape: _Shape, chance: random.Random) -> _Shape:
    """The shape about a ticket of its own."""
    sound = deepcopy(shape.sound)
    name = f"M-{chance.getrandbits(48):x}"
    for holder in (sound, sound.get("data"), sound.get("ticket")):
        if isinstance(holder, dict):
            for member in ("external_id", "id"):
                if member in holder:
                    holder[member] = name
    return _Shape(sound, shape.wrong)


def _with_wrong_member(chance: random.Random, shape: _Shape) -> Malformed:
    path = chance.choice(list(shape.wrong))
    document = deepcopy(shape.sound)
    holder: Any = document
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = chance.choice(shape.wrong[path])
    return Malformed(f"member {path[-1]}", _json(document))


def _truncated(chance: random.Random, sound: Document) -> Malformed:
    value = _json(sound)
    return Malformed("truncated", value[: chance.randrange(1, len(value) - 1)])


def _random_bytes(chance: random.Random, _: Document) -> Malformed:
    return Malformed("random bytes", b"\x80" + chance.randbytes(chance.randrange(2000)))


def _no_value(chance: random.Random, _: Document) -> Malformed:
    return Malformed("no value", chance.choice((b"", b" ", b"\n\n")))


def _tombstone(chance: random.Random, _: Document) -> Malformed:
    return Malformed("tombstone", None, key=f"acme:{chance.getrandbits(32)}".encode())


def _deep(chance: random.Random, sound: Document) -> Malformed:
    depth = chance.randrange(100, _DEEPEST)
    opened, closed = chance.choice(((b"[", b"]"), (b'{"data":', b"}")))
    inner = _json(sound)
    return Malformed("nested", opened * depth + inner + closed * chance.choice((0, depth)))


def _no_object(chance: random.Random, _: Document) -> Malformed:
    return Malformed("no object", chance.choice((b"17", b'"text"', b"null", b"[]", b"true", b"{}")))


def _marked(_: random.Random, sound: Document) -> Malformed:
    return Malformed("byte order mark", b"\xef\xbb\xbf" + _json(sound))


def _other_encoding(chance: random.Random, sound: Document) -> Malformed:
    encoding = chance.choice(("utf-16", "utf-32", "utf-16-be"))
    return Malformed("other encoding", _json(sound).decode().encode(encoding))


def _compressed(_: random.Random, sound: Document) -> Malformed:
    return Malformed("gzip", gzip.compress(_json(sound)))


def _twice(_: random.Random, sound: Document) -> Malformed:
    return Malformed("two documents", _json(sound) * 2)


def _surrogate(chance: random.Random, sound: Document) -> Malformed:
    half = chance.choice((b"\\ud800", b"\\udfff", b"\\ud800\\ud800"))
    return Malformed("lone surrogate", _json(sound)[:-1] + b',"also":"' + half + b'"}')


def _broken_escape(chance: random.Random, sound: Document) -> Malformed:
    bad = chance.choice((b'"\\x41"', b'"\n"', b"NaN", b"Infinity", b"01", b"'a'"))
    return Malformed("no JSON value", _json(sound)[:-1] + b',"also":' + bad + b"}")


def _of_another(_: random.Random, __: Document) -> Malformed:
    return Malformed("key of another", _json(_OBSERVED.sound), key=b"stranger:M-1")


def _forged_end(chance: random.Random, _: Document) -> Malformed:
    document = deepcopy(_ENDED.sound)
    document["data"]["job_id"] = f"{chance.getrandbits(128):032x}"
    return Malformed(FORGED_END, _json(document))


def _oversize(chance: random.Random, sound: Document) -> Malformed:
    document = deepcopy(sound)
    document.setdefault("data", {})["message"] = "x" * chance.randrange(256 * 1024, 300 * 1024)
    return Malformed("oversize", _json(document))


def _many_headers(chance: random.Random, sound: Document) -> Malformed:
    headers = tuple((f"x-{number}", b"y" * 100) for number in range(chance.randrange(3000, 4000)))
    return Malformed("many headers", _json(sound), headers=headers)


def _broken_binary(chance: random.Random, sound: Document) -> Malformed:
    attributes = {"ce_specversion": b"1.0", "ce_type": b"ticket.observed", "ce_source": b"crm"}
    attributes |= {"ce_id": b"binary", "ce_time": _INSTANT.encode()}
    broken = chance.choice(list(attributes))
    attributes[broken] = chance.choice((b"\xff\xfe", b"\xc3", b"\xed\xa0\x80"))
    return Malformed("binary mode", _json(sound["data"]), headers=tuple(attributes.items()))


def _letter(chance: random.Random) -> Malformed:
    """A dead letter that no process of ours wrote; its headers lie."""
    number = chance.getrandbits(48)  # letters that claim one position are one
    headers = {
        "id": (b"", b"\xff", b"not an id", b"A" * 64),
        "reason": (b"", b"\xff\xfe", b"x" * 10_000),
        "position": (b"\xff%d" % number, b"tickets.raw/x/%d" % number, b"a/b/%d/c/d" % number),
        "length": (b"-1", b"1" * 400, b"two"),
        "sha256": (b"", b"\x00" * 32),
        "timestamp": (b"9" * 15, b"-1", b"now"),
        "original_ce_id": (b"\xff",),
    }
    chosen = [
        (name, chance.choice(lies)) for name, lies in headers.items() if chance.random() < 0.5
    ]
    value = chance.choice((None, b"", chance.randbytes(500), _json({"tenant_id": "acme"})))
    key = chance.choice((b"\xff", b"acme:M-1") if value is None else (None, b"\xff"))
    return Malformed("forged letter", value, key, tuple(chosen) + (("x", b""),) * 20)


def _json(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode(errors="replace")


_SPOILS: Final[tuple[Spoil, ...]] = (
    _truncated, _random_bytes, _no_value, _tombstone, _deep, _no_object, _marked,
    _other_encoding, _compressed, _twice, _surrogate, _broken_escape,
)  # fmt: skip
_RAW_SPOILS: Final[tuple[Spoil, ...]] = (
    _of_another, _forged_end, _oversize, _many_headers, _broken_binary,
)  # fmt: skip

_LABELS: Final = {
    "urgency": "low", "sentiment": "neutral", "requires_action": False, "matched": [],
    "ruleset_version": 1,
}  # fmt: skip
_FIELDS: Final = {
    "subject": "Hello", "message": "", "status": "open", "customer_id": None, "source": "email",
    "created_at": _INSTANT,
}  # fmt: skip
_PROVENANCE: Final = {
    "source": "crm", "event_id": "e", "time": _INSTANT, "cause": "upstream", "job_id": None,
}  # fmt: skip
_IN_TICKET: Final = {"created_at": _NO_UTC, "status": _NOTHING, "subject": _NOTHING}
_SUBJECT: Final[dict[str, Sequence[object]]] = {
    "tenant_id": (*_NO_TENANTS, *_NOTHING),
    "external_id": (*_NO_IDENTIFIERS, *_NOTHING),
}


def _paths(prefix: Path, wrong: Mapping[str, Sequence[object]]) -> dict[Path, Sequence[object]]:
    return {(*prefix, name): values for name, values in wrong.items()}


_OBSERVED: Final = _Shape(
    {
        "specversion": "1.0", "type": "ticket.observed", "source": "crm", "id": "e",
        "data": {"id": "M", "tenant_id": "acme", "updated_at": _INSTANT, **_FIELDS},
    },
    {
        ("specversion",): ("0.3", 1, None), ("type",): ("ticket.invented", "", 7, None),
        ("source",): ("", *_NOTHING), ("id",): ("", "x" * 2000, *_NOTHING),
        ("data",): _OBJECT,
        **_paths(("data",), {
            "tenant_id": (*_NO_TENANTS, *_NOTHING), "created_at": (*_NO_INSTANTS, *_NOTHING),
            "id": (*_NO_IDENTIFIERS, 10**400, 2**63, 1.5, True, [], {}),
            "customer_id": (*_NO_IDENTIFIERS[1:], 2**70, True, []),
            "status": ("", "a\x00b", None, *_NOTHING), "message": ("a\x00b", *_NOTHING),
            "updated_at": (*_NO_INSTANTS, *_NOTHING), "source": ("a\x00", *_NOTHING),
        }),
    },
)  # fmt: skip
_DELETED: Final = _Shape(
    {
        "specversion": "1.0", "type": "ticket.deleted", "source": "crm", "id": "e",
        "data": {"tenant_id": "acme", "external_id": "M", "deleted_at": _INSTANT},
    },
    {
        ("data",): _OBJECT, ("time",): (*_NO_INSTANTS, 7, []), ("jobid",): ("", 7, "x" * 2000),
        ("data", "tenant_id"): (*_NO_TENANTS, *_NOTHING),
        ("data", "deleted_at"): (*_NO_INSTANTS, None, 7),
        ("data", "external_id"): (*_NO_IDENTIFIERS, 2**64, None, []),
    },
)  # fmt: skip
_ENDED: Final = _Shape(
    {
        "specversion": "1.0", "type": "run.ended", "source": "crm", "id": "e",
        "data": {
            "job_id": "no such run", "tenant_id": "acme", "outcome": "SUCCESS", "partition": 0,
            "partitions": 4, "records": 1,
        },
    },
    {("data",): _OBJECT, **_paths(("data",), {
        "outcome": ("GREAT", 7), "job_id": _NOTHING, "tenant_id": _NO_TENANTS[:-1],
        "partition": _NO_NUMBERS, "partitions": _NO_NUMBERS, "records": _NO_NUMBERS,
    })},
)  # fmt: skip
_CLASSIFIED: Final = (
    _Shape(
        {
            "type": "ticket.observed", "origin": [0, 0, 1], "provenance": _PROVENANCE,
            "ticket": {
                "tenant_id": "acme", "external_id": "M", "updated_at": _INSTANT, "fields": _FIELDS,
            },
            "labels": _LABELS,
        },
        {
            ("type",): ("ticket.invented", 7, None), ("origin",): ([], [0], "0", {}, None),
            **{("origin", number): _NO_NUMBERS for number in range(3)},
            **_paths(("provenance",), {"time": _NO_UTC, "cause": ("whim", 7), "source": _NOTHING}),
            **_paths(("ticket",), _SUBJECT | {"updated_at": _NO_UTC}),
            **_paths(("ticket", "fields"), _IN_TICKET | {"customer_id": _NO_IDENTIFIERS}),
            **_paths(("labels",), {"urgency": ("dire",), "ruleset_version": _NO_NUMBERS}),
        },
    ),
    _Shape(
        {
            "type": "ticket.deleted", "origin": [0, 0, 1], "provenance": _PROVENANCE,
            "tenant_id": "acme", "external_id": "M", "deleted_at": _INSTANT, "detected_by": "x",
        },
        _paths((), _SUBJECT | {"deleted_at": _NO_UTC, "provenance": _OBJECT}),
    ),
    _Shape(
        {
            "type": "ticket.reclassified", "provenance": _PROVENANCE, "tenant_id": "acme",
            "external_id": "M", "text": "AAAA", "labels": _LABELS,
        },
        _paths((), _SUBJECT | {"text": ("?", 7, None), "labels": _OBJECT, "origin": ([], 7)}),
    ),
    _Shape(
        {
            "type": "run.ended", "job_id": "j", "tenant_id": "acme", "outcome": "SUCCESS",
            "partition": 0, "partitions": 4, "records": 1,
        },
        _paths((), {"records": _NO_NUMBERS, "partition": _NO_NUMBERS, "tenant_id": _NO_TENANTS}),
    ),
    _Shape(
        {"type": "refused", "origin": [0, 0, 1], "job_id": "j", "reason": "r"},
        _paths((), {"origin": ([0, 0, -1], [0, 0, 2**64], None), "job_id": _NOTHING}),
    ),
)  # fmt: skip
_CHANGES: Final = (
    _Shape(
        {
            "kind": "change", "id": "i", "type": "created", "schema_version": 1,
            "tenant_id": "acme", "external_id": "M", "version": 1, "occurred_at": _INSTANT,
            "observed_at": _INSTANT, "cause": "upstream", "source": "crm", "source_event_id": "e",
            "job_id": None, "detected_by": "observation", "changes": [],
            "ticket": {
                **_FIELDS, "updated_at": _INSTANT, "deleted_at": None, "urgency": "low",
                "sentiment": "neutral", "requires_action": False,
                "classification": {"matched": [], "ruleset_version": 1},
            },
        },
        {
            # A later version is no malformed record: it halts its partition.
            ("schema_version",): (0, -1, 1.5, "1", None), ("kind",): ("invented", None, 7),
            ("version",): (0, *_NO_NUMBERS), ("type",): ("invented", 7), ("changes",): (None, 7),
            ("ticket",): _OBJECT,
            **_paths((), _SUBJECT | {"occurred_at": _NO_UTC, "observed_at": _NO_UTC}),
            **_paths(("ticket",), _IN_TICKET | {"deleted_at": _NO_UTC, "urgency": ("dire", None)}),
            ("ticket", "classification", "ruleset_version"): _NO_NUMBERS,
        },
    ),
    _Shape(
        {
            "kind": "run.ended", "job_id": "j", "tenant_id": "acme", "outcome": "SUCCESS",
            "partition": 0, "partitions": 4, "tally": {"new_ingested": 1},
        },
        {
            ("outcome",): ("GREAT", 7), ("tally",): ([], None), ("partition",): _NO_NUMBERS,
            ("tally", "new_ingested"): _NO_NUMBERS, ("tenant_id",): _NO_TENANTS,
        },
    ),
)  # fmt: skip
_COUNTS: Final = (
    "pages", "fetched", "new_ingested", "updated", "unchanged", "stale", "deleted", "restored",
    "rejected", "foreign", "duplicates",
)  # fmt: skip
_AUDIT: Final = _Shape(
    {
        "type": "run.ended", "job_id": "j", "tenant_id": "acme", "parent_id": None,
        "status": "SUCCESS", "started_at": _INSTANT, "ended_at": _INSTANT,
        **dict.fromkeys(_COUNTS, 0), "errors": [],
    },
    {
        ("type",): ("invented", None), ("status",): ("GREAT", 7), ("tenant_id",): _NO_TENANTS,
        ("started_at",): _NO_UTC, ("ended_at",): _NO_UTC, ("errors",): (7, [7], None),
        **_paths((), dict.fromkeys(_COUNTS, _NO_NUMBERS)),
    },
)  # fmt: skip
_SHAPES: Final[Mapping[str, Sequence[_Shape]]] = {
    RAW: (_OBSERVED, _OBSERVED, _DELETED, _ENDED),
    CLASSIFIED: _CLASSIFIED,
    CHANGES: _CHANGES,
    RUN_EVENTS: (_AUDIT,),
}

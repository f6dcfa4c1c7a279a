"""Golden bytes: records as they once were written, one a line, and what must not disturb them."""

import json
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent / "golden"


def golden(name: str) -> list[bytes]:
    """The records of `golden/NAME.jsonl`.  A line that was released is never edited."""
    return (_FOLDER / f"{name}.jsonl").read_bytes().splitlines()


def with_future_members(value: bytes) -> bytes:
    """The same record as a later release may write it: every object has members more."""
    return json.dumps(_extended(json.loads(value))).encode()


def _extended(value: Any) -> Any:
    if isinstance(value, dict):
        known = {name: _extended(inner) for name, inner in value.items()}
        return known | {"invented_later": {"deep": [1, None]}}
    return [_extended(inner) for inner in value] if isinstance(value, list) else value

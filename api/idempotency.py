"""`Idempotency-Key`: a caller's name for a request, so that sending it twice does it once."""

from typing import Annotated, Any, Final

from fastapi import Depends, Header, Request
from pydantic import AfterValidator, Field

from api.errors import ParameterError

KEY_HEADER: Final = "Idempotency-Key"
REPLAYED: Final = {"Idempotency-Replayed": "true"}
REPLAYED_DOCUMENT: Final[dict[str, Any]] = {
    "Idempotency-Replayed": {
        "description": f"`true` if an earlier request with this {KEY_HEADER} started the run.",
        "schema": {"type": "string", "enum": ["true"]},
    }
}


def _without_quotes(key: str) -> str:
    """A structured header quotes its strings; most callers do not, and mean the same key."""
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not key:
        raise ValueError("is empty")
    return key


_Key = Annotated[
    str,
    Field(
        min_length=1,
        max_length=255,
        pattern=r"^[!-~]([ -~]*[!-~])?$",
        description="Sent again within 24 hours, it starts nothing: its run is the answer.",
        examples=["8e03978e-40d5-43dd-bc93-6894a57f9324"],
    ),
    AfterValidator(_without_quotes),
]


def _only_key(
    request: Request, key: Annotated[_Key | None, Header(alias=KEY_HEADER)] = None
) -> str | None:
    """The key of the request, if it has one.

    Raises:
        ParameterError: it has several.
    """
    if len(request.headers.getlist(KEY_HEADER)) > 1:
        raise ParameterError(KEY_HEADER, "is given more than once")
    return key


RequestKey = Annotated[str | None, Depends(_only_key)]

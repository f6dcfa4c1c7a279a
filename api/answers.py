"""JSON answers, encoded at once from plain values; the models of `api.models` describe them."""

from collections.abc import Mapping
from typing import Any

import msgspec
from fastapi import Response
from prometheus_client import CONTENT_TYPE_LATEST

from api.entity_tags import weak_tag

_ENCODE = msgspec.json.Encoder().encode


class JsonResponse(Response):
    """An answer whose content is made of dicts, lists and scalars."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:  # noqa: ANN401 (JSON is of any shape)
        """The bytes of `content`."""
        return _ENCODE(content)


def tagged_without(answer: Mapping[str, Any], *fields: str) -> dict[str, str]:
    """The headers of an answer that is the same whatever these fields say, as when it was made."""
    rest = {name: value for name, value in answer.items() if name not in fields}
    return {"ETag": weak_tag(_ENCODE(rest))}


class Metrics(Response):
    """A page of Prometheus' text format."""

    media_type = CONTENT_TYPE_LATEST


class ProblemResponse(JsonResponse):
    """An RFC 9457 answer."""

    media_type = "application/problem+json"

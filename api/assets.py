"""The files of the page, read once and served from memory: each with a tag, and packed if asked."""

import gzip
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple, Self

from starlette.datastructures import Headers
from starlette.responses import Response

from api.entity_tags import is_known, strong_tag

_MEDIA_TYPES: Final = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".md": "text/markdown",
    ".svg": "image/svg+xml",
    ".toml": "text/plain",
}
_VENDOR: Final = "vendor/"
# A vendored file has its version in its path: what it names never changes.
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_ASK_AGAIN: Final = "no-cache"
_NOT_MODIFIED: Final = 304
_NEVER: Final = re.compile(r"0(\.0*)?")  # a weight of nothing


class Form(NamedTuple):
    """Bytes as they are sent, and their tag."""

    content: bytes
    tag: str

    @classmethod
    def of(cls, content: bytes) -> Self:
        """The form that these bytes are."""
        return cls(content, strong_tag(content))


class Asset(NamedTuple):
    """One file, plain and packed."""

    media_type: str
    caching: str
    plain: Form
    packed: Form

    def answer(self, headers: Headers) -> Response:
        """The file for a caller that sent these headers; 304 if that one has it."""
        is_packed = _takes_gzip(headers.get("Accept-Encoding", ""))
        form = self.packed if is_packed else self.plain
        sent = {"ETag": form.tag, "Cache-Control": self.caching, "Vary": "Accept-Encoding"}
        if is_known(", ".join(headers.getlist("If-None-Match")), form.tag):
            return Response(status_code=_NOT_MODIFIED, headers=sent)
        if is_packed:
            sent["Content-Encoding"] = "gzip"
        return Response(form.content, headers=sent, media_type=self.media_type)


@cache
def read_assets(folder: Path) -> Mapping[str, Asset]:
    """Every file below `folder` of a type that the page uses, by its path from there.

    They are read and packed once in a process.
    """
    files = (path for path in sorted(folder.rglob("*")) if path.suffix in _MEDIA_TYPES)
    return {path.relative_to(folder).as_posix(): _read(path, folder) for path in files}


def _read(path: Path, folder: Path) -> Asset:
    content = path.read_bytes()
    is_vendored = path.relative_to(folder).as_posix().startswith(_VENDOR)
    return Asset(
        media_type=_MEDIA_TYPES[path.suffix],
        caching=_FOR_EVER if is_vendored else _ASK_AGAIN,
        plain=Form.of(content),
        packed=Form.of(gzip.compress(content, mtime=0)),
    )


def _takes_gzip(accepted: str) -> bool:
    """True if `Accept-Encoding` names gzip, and not to refuse it."""
    for choice in accepted.lower().split(","):
        coding, _, weight = choice.replace(" ", "").partition(";q=")
        if coding == "gzip":
            return _NEVER.fullmatch(weight) is None
    return False

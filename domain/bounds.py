"""Bounds of what stands on our own topics: what MongoDB can hold, and whom a record may be about.

Only processes of ours should write there; one record of somebody else must not stop them all.
Decoders refuse what is out of bounds, as they refuse what is no JSON.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, TypeAlias

import msgspec

_LARGEST: Final = 2**63 - 1
_NONE: Final = timedelta(0)

# `\Z`, as `$` would allow a line feed behind it.
TenantId: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]
RunTenantId: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^(\*|[A-Za-z0-9_-]{1,64})\Z")]
Identifier: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,256}\Z")]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=_LARGEST)]
Version: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=_LARGEST)]


def check_instants(moments: Iterable[datetime | None]) -> None:
    """Refuse instants that are not in UTC: some cannot be compared, some not be kept.

    Raises:
        ValueError: one is not.
    """
    for moment in moments:
        if moment is None or moment.tzinfo is UTC:  # as nearly all are
            continue
        if moment.utcoffset() != _NONE:
            raise ValueError("an instant is not in UTC")


def check_texts(texts: Iterable[str | None]) -> None:
    """Refuse texts that hold a NUL, which no name in MongoDB may.

    Raises:
        ValueError: one does.
    """
    for text in texts:
        if text is not None and "\x00" in text:
            raise ValueError("a text holds a NUL")

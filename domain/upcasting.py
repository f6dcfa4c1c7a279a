"""Events of earlier shapes read as today's: one step for each `schema_version` that there was.

The log is kept for ever and never rewritten, so what was written by any release must be read by
all later ones (Young, "Versioning in an Event Sourced System", 2017: upcasting).
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from domain.errors import NewerEventError, UndecodableEventError

Members: TypeAlias = dict[str, Any]
Upcaster: TypeAlias = Callable[[Members], Members]


def _same(members: Members) -> Members:
    """Version 2 added erasures: whatever is of version 1 reads the same."""
    return members


# By the version that a step reads; it makes the next one.  Version 1 is the first there is.
UPCASTERS: Final[Mapping[int, Upcaster]] = {1: _same}


def upcast(
    members: Members, current: int, upcasters: Mapping[int, Upcaster] = UPCASTERS
) -> Members:
    """The members of an event of an earlier version as those of the current one.

    Raises:
        NewerEventError: a later release wrote it.
        UndecodableEventError: there never was such a version.
    """
    version = members.get("schema_version")
    if not isinstance(version, int) or isinstance(version, bool):
        raise UndecodableEventError(f"schema_version is {version!r}, not a number")
    if version > current:
        raise NewerEventError(version, current)
    for step in range(version, current):
        if step not in upcasters:
            raise UndecodableEventError(f"there never was a schema_version {step}")
        members = upcasters[step](members) | {"schema_version": step + 1}
    return members

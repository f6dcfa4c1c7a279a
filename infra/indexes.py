"""Indexes made, replaced and dropped, by several processes at once if need be."""

from typing import Final

import structlog
from pymongo import IndexModel
from pymongo.errors import OperationFailure

from infra.mongo import Collection

log = structlog.get_logger()

_DEFINED_OTHERWISE: Final = (85, 86)  # IndexOptionsConflict, IndexKeySpecsConflict
_NO_SUCH_INDEX: Final = 27


async def make_indexes(collection: Collection, indexes: list[IndexModel]) -> None:
    """Make the indexes of a collection, in one command unless one must be replaced."""
    try:
        await collection.create_indexes(indexes)
    except OperationFailure as error:
        if error.code not in _DEFINED_OTHERWISE:
            raise
        for index in indexes:
            await _replace(collection, index)


async def _replace(collection: Collection, index: IndexModel) -> None:
    """Make an index; one of its name that an earlier release defined otherwise is replaced."""
    try:
        await collection.create_indexes([index])
    except OperationFailure as error:
        if error.code not in _DEFINED_OTHERWISE:
            raise
        name = index.document["name"]
        log.info("index_replaced", collection=collection.name, index=name)
        await collection.drop_index(name)
        await collection.create_indexes([index])


async def drop_index(collection: Collection, name: str) -> None:
    """Drop an index; another process that starts may have done so."""
    try:
        await collection.drop_index(name)
    except OperationFailure as error:
        if error.code != _NO_SUCH_INDEX:
            raise

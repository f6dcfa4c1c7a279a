"""The comparison of a fold with one snapshot: which keys differ, by digest."""

from collections.abc import Sequence

from infra.mongo import Session
from projections.naive_fold import NO_ENTRIES, Fold, chained, digest
from projections.stored_documents import StoredDocuments


async def compare(
    stored: StoredDocuments, fold: Fold, keys: Sequence[str], session: Session
) -> int:
    """Add those of `keys`, sorted, that differ or are parked to the suspects of `fold`.

    Returns how many documents were compared.
    """
    documents = {d["_id"]: digest(d) async for d in stored.of(keys, session)}
    histories: dict[str, bytes] = {}
    entries = 0
    async for key, entry in stored.entries_of(keys, session):
        histories[key] = chained(histories.get(key, NO_ENTRIES), entry)
        entries += 1
    for key in keys:
        expected = fold.expected(key)
        document = expected.document if expected.version else None
        if documents.get(key) != document or histories.get(key, NO_ENTRIES) != expected.entries:
            fold.suspects.add(key)
    fold.suspects.update(await stored.parked(keys, session))
    return len(documents) + entries

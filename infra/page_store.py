"""Storing a crawl's page however long MongoDB is away, and never twice."""

from collections.abc import Sequence
from functools import partial

import structlog
from pymongo.errors import PyMongoError

from infra.backoff import Backoff
from infra.claims import Claims
from infra.mongo import Document, Session
from infra.retrying import answered, retried
from infra.stored_pages import StoredPage

log = structlog.get_logger()


async def store_patiently(
    claims: Claims, job: Document, stored: StoredPage, published: Sequence[str], session: Session
) -> None:
    """Store a page; return when it is there.

    Raises:
        LeaseLostError: the run is no longer ours; nothing was stored.
    """
    backoff = Backoff()
    while True:
        try:
            await retried(session, partial(claims.save_page, job, stored, published))
        except PyMongoError as error:
            log.warning("page_delayed", job_id=job["_id"], reason=repr(error))
            await backoff.sleep()
            # A commit that nobody answered may have taken place after all.
            if await answered(partial(claims.has_page, job, stored), backoff):
                return
        else:
            return

"""Short transactions that meet each other: run again until they do not."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from pymongo.errors import PyMongoError

from domain.retry import RetryPolicy
from infra.backoff import Backoff
from infra.mongo import Mongo, Session, transaction
from infra.process_metrics import TRANSACTION_RETRIES

T = TypeVar("T")

_POLICY: Final = RetryPolicy(first=0.01, longest=0.25, attempts=40)


async def in_transaction(mongo: Mongo, work: Callable[[Session], Awaitable[T]]) -> T:
    """The result of `work`, committed; it must be safe to run again after an unknown commit.

    Raises:
        PyMongoError: MongoDB is down, or the conflict did not end in about 5 seconds.
    """
    async with await mongo.start_session() as session:
        return await retried(session, work)


async def retried(session: Session, work: Callable[[Session], Awaitable[T]]) -> T:
    """The same in a session of the caller's."""
    backoff = Backoff(_POLICY)
    while True:
        try:
            async with transaction(session):
                result = await work(session)
        except PyMongoError as error:
            again = error.has_error_label("TransientTransactionError")
            if not again or _POLICY.gives_up_after(backoff.failures + 1):
                raise
            TRANSACTION_RETRIES.inc()
            await backoff.sleep()
        else:
            return result


async def answered(ask: Callable[[], Awaitable[T]], backoff: Backoff) -> T:
    """What MongoDB answers, however long it is away."""
    while True:
        try:
            return await ask()
        except PyMongoError:
            await backoff.sleep()

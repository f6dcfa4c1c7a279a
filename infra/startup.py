"""What every process does before its work: wait for the engines, and refuse what cannot go well."""

import structlog
from aiokafka.errors import KafkaError
from pymongo.errors import PyMongoError

from domain.errors import DeskstreamError
from infra.backoff import Backoff
from infra.collections import ensure_collections
from infra.log_closing import check_open
from infra.mongo import Mongo, reason_of
from infra.settings import Settings
from infra.topic_admin import TopicAdmin

log = structlog.get_logger()


class TopicsError(DeskstreamError):
    """The topics are not what was made: each finding is a sentence."""

    def __init__(self, findings: list[str]) -> None:
        super().__init__("; ".join(findings))
        self.findings = findings


async def wait_for_engines(settings: Settings, mongo: Mongo) -> None:
    """Return once MongoDB and Kafka answer, the collections exist and the topics are ours.

    Raises:
        StandaloneError: MongoDB is no replica set.
        LogClosedError: the log is being rewritten.
        TopicsError: a topic is missing, or another than the one that was made.
    """
    backoff = Backoff()
    while True:
        try:
            await mongo.check_replica_set()
            await ensure_collections(mongo)
            await check_open(mongo)
            async with TopicAdmin(settings, mongo) as topics:
                findings = await topics.check()
        except PyMongoError as error:
            log.warning("engines_awaited", reason=f"MongoDB (MONGODB_URI): {reason_of(error)}")
            await backoff.sleep()
        except KafkaError as error:
            log.warning("engines_awaited", reason=f"Kafka: {error}")
            await backoff.sleep()
        else:
            break
    if findings:
        raise TopicsError(findings)

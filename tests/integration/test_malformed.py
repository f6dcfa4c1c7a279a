"""Malformed records on every topic: each is one dead letter, and good ones pass as if alone."""

import pytest

from dev.malformed_load import TOPICS, MalformedLoad
from infra import collections
from infra.probes import halted_partitions
from tests.integration.pipeline import Pipeline, tenant

pytestmark = pytest.mark.services

COUNT = 500
SEED = 20261130
PATIENCE = 60.0


async def test_malformed_records_on_all_topics_are_one_dead_letter_each(
    pipeline: Pipeline,
) -> None:
    before = await pipeline.mongo[collections.DEAD_LETTERS].count_documents({})
    async with MalformedLoad(pipeline.settings, tenant(), SEED) as load:
        await load.send(COUNT)
        await load.until_all_came(pipeline.mongo, PATIENCE)

    assert len(load.letters) == len(load.tickets) == COUNT
    assert {kind.partition(":")[0] for kind in load.kinds} == set(TOPICS)
    assert await load.surplus(pipeline.mongo, before) == 0
    assert await halted_partitions(pipeline.mongo) == []

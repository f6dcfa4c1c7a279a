"""What the processes of a pipeline say of themselves, and that it is what they did."""

from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.pipeline import Pipeline, eventually, observed, tenant

pytestmark = pytest.mark.services

Counts = dict[tuple[str, tuple[str, ...]], float]


async def counts(port: int) -> Counts:
    """Every sample of a page, by its name and the values of its labels."""
    async with httpx.AsyncClient(trust_env=False) as http:
        page = (await http.get(f"http://127.0.0.1:{port}/metrics")).text
    families = text_string_to_metric_families(page)
    samples = (sample for family in families for sample in family.samples)
    return {(s.name, tuple(s.labels.values())): s.value for s in samples}


def gained(before: Counts, after: Counts, name: str, *labels: str) -> float:
    return after.get((name, labels), 0) - before.get((name, labels), 0)


async def test_what_a_pipeline_does_is_on_its_pages(
    pipeline: Pipeline, metrics_ports: dict[str, int]
) -> None:
    who, letters = tenant(), len(await pipeline.dead_letters())
    await pipeline.produce(observed(who, "T-0"))
    await pipeline.ticket(who, "T-0")
    before = {name: await counts(port) for name, port in metrics_ports.items()}

    await pipeline.produce(b"no JSON")
    for number in range(1, 6):
        await pipeline.produce(observed(who, f"T-{number}"))
    for number in range(1, 6):
        await pipeline.ticket(who, f"T-{number}")
    await eventually(pipeline.dead_letters, lambda found: len(found) > letters)

    def moved(name: str, metric: str, *labels: str) -> Any:
        return gained(before[name], after[name], metric, *labels)

    async def pages() -> bool:
        # A batch is counted a moment after it is committed.
        after.update({name: await counts(port) for name, port in metrics_ports.items()})
        return bool(moved("projector", "deskstream_records_total", "tickets") >= 5)

    after: dict[str, Counts] = {}
    await eventually(pages, bool)
    assert moved("worker", "deskstream_records_total", "classifier") == 6
    assert moved("worker", "deskstream_records_total", "sync") == 5
    assert 1 <= moved("worker", "deskstream_batch_duration_seconds_count", "sync") <= 5
    assert moved("worker", "deskstream_classification_seconds_total") > 0
    assert moved("worker", "deskstream_dead_letters_total", "tickets.raw") == 1
    assert moved("projector", "deskstream_records_total", "tickets") == 5
    assert after["worker"]["process_resident_memory_bytes", ()] > 1_000_000

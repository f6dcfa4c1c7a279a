"""The examples, as users run them: against a real deployment, in processes of their own."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from dev.ports import free_port
from examples.reader import Feed, Tickets
from infra.settings import Settings
from tests.cli.commands import ROOT, Deskstream
from tests.integration.pipeline import Pipeline, deleted, observed, tenant

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
COUNT = 7

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def deskstream(pipeline_settings: Settings) -> Iterator[Deskstream]:
    """An API of the running pipeline."""
    settings = pipeline_settings
    made = Deskstream(
        {
            "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
            "KAFKA_TOPIC_PREFIX": settings.kafka_topic_prefix,
            "KAFKA_PARTITIONS": str(settings.kafka_partitions),
            "MONGODB_URI": settings.mongodb_uri.get_secret_value(),
            "MONGODB_DATABASE": settings.mongodb_database,
            "API_HOST": "127.0.0.1",
            "API_PORT": str(free_port()),
        }
    )
    with made.api():
        yield made


def run(deskstream: Deskstream, name: str, *arguments: str) -> list[str]:
    """What an example prints."""
    ended = subprocess.run(
        [sys.executable, ROOT / "examples" / f"{name}.py", *arguments],
        env=deskstream.environment | {"API_URL": deskstream.url, "PYTHONPATH": ""},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout.splitlines()


def written(path: Path, tenant_id: str) -> str:
    rows = [json.loads(observed(tenant_id, f"T-{number}"))["data"] for number in range(COUNT)]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return str(path)


async def test_what_is_produced_is_read_and_consumed(
    deskstream: Deskstream, pipeline: Pipeline, tmp_path: Path
) -> None:
    who = tenant()
    tickets, table = written(tmp_path / "tickets.jsonl", who), str(tmp_path / "table.db")

    deliveries = run(deskstream, "producer", tickets)
    run(deskstream, "producer", tickets)
    for number in range(COUNT):
        await pipeline.ticket(who, f"T-{number}")

    assert [line.split(" at ")[0] for line in deliveries] == [f"{who}:T-{n}" for n in range(COUNT)]
    read = run(deskstream, "reader", who, "--once")
    assert (
        sorted(read) == [f"T-{number} v1 open high" for number in range(COUNT)]
        or len(read) == COUNT
    )
    run(deskstream, "changes_consumer", table, "--once")
    assert run(deskstream, "changes_consumer", table, "--once") == []
    with closing(sqlite3.connect(table)) as rows:
        kept = rows.execute("SELECT key, version FROM tickets WHERE key LIKE ?", [f"{who}:%"])
        assert sorted(kept) == [(f"{who}:T-{number}", 1) for number in range(COUNT)]


async def test_a_feed_shows_each_version_once_and_deletions(
    deskstream: Deskstream, pipeline: Pipeline
) -> None:
    who = tenant()
    await pipeline.produce(observed(who))
    await pipeline.ticket(who, "T-1")
    with httpx.Client(base_url=deskstream.url, trust_env=False) as http:
        feed = Feed(Tickets(http, who))
        shown = [[(t["version"], t["deleted_at"]) for t in feed.news()] for _ in range(2)]
        await pipeline.produce(deleted(who))
        news: list[str | None] = []
        while not news:
            news = [ticket["deleted_at"] for ticket in feed.news()]

    assert shown == [[(1, None)], []]
    assert news == ["2026-11-21T10:00:00.000Z"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.name))
def test_an_example_is_short_and_stands_alone(path: Path) -> None:
    source = path.read_text()

    assert len(source.splitlines()) <= 120
    own = {p.parent.name for p in ROOT.glob("*/__init__.py")}
    assert not [name for name in own if f"from {name}" in source or f"import {name}" in source]

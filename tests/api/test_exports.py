"""Exports: complete or visibly broken off, safe in a spreadsheet, flat in memory."""

import asyncio
import csv
import io
import json
import socket
import time
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest

from api import scope
from api.exports import FORMS, chunks
from api.models import TicketView
from api.scope import TenantScope
from api.ticket_parameters import ExportQuery
from api.ticket_queries import TicketQueries
from cli.api_server import run_api
from dev.ports import free_port, is_listening
from domain.access import ANYBODY
from infra import collections
from infra.mongo import Document, Mongo
from infra.settings import Settings
from infra.ticket_indexes import TICKET_INDEXES
from tests.api.documents import NOON, store, ticket

pytestmark = pytest.mark.services

_SMALL_BUFFER = (socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
ODD_TEXTS = ['a,b "c"', "two\r\nlines", "ünï\u2028cödé", "", "'quoted", "1;2"]
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1"]


async def read(api: httpx.AsyncClient, form: str, filters: str = "") -> httpx.Response:
    """The export of acme."""
    return await api.get(f"/tickets/export?tenant_id=acme&format={form}{filters}")


def parsed(answer: httpx.Response) -> list[dict[str, str]]:
    """The rows of a CSV, by their header."""
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


async def test_csv_is_read_back_as_it_was_written(api: httpx.AsyncClient, mongo: Mongo) -> None:
    texts = [*ODD_TEXTS, *FORMULAS]
    await store(mongo, *(ticket(f"T-{n:02}", message=text) for n, text in enumerate(texts)))

    answer = await read(api, "csv")

    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="tickets-acme.csv"'
    assert answer.text.splitlines()[0].startswith("tenant_id,external_id,source,customer_id,")
    assert answer.text.endswith("2026-01-31T12:00:00.000Z\r\n")
    rows = parsed(answer)
    wanted = [*ODD_TEXTS, *(f"'{text}" for text in FORMULAS)]
    assert [row["message"] for row in rows] == wanted
    assert (rows[0]["created_at"], rows[0]["deleted_at"], rows[0]["requires_action"]) == (
        "2026-01-31T12:00:00.000Z",
        "",
        "false",
    )
    assert json.loads(rows[0]["matched"]) == [{"rule": "money", "text": "charged twice"}]


async def test_ndjson_holds_what_lists_hold(api: httpx.AsyncClient, mongo: Mongo) -> None:
    texts = [*ODD_TEXTS, *FORMULAS]
    await store(mongo, *(ticket(f"T-{n:02}", message=text) for n, text in enumerate(texts)))

    answer = await read(api, "ndjson")
    listed = (await api.get("/tickets?tenant_id=acme")).json()["tickets"]

    assert answer.headers["Content-Type"] == "application/x-ndjson"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="tickets-acme.ndjson"'
    assert answer.content.endswith(b"}\n")
    rows = [json.loads(line) for line in answer.content.split(b"\n")[:-1]]
    assert rows == listed
    TicketView.model_validate(rows[0])


FILTERS = [
    "&status=closed", "&q=refund&urgency=high", "&created_from=2026-01-31T18:00:00Z",
    "&include_deleted=true", "&updated_since=2026-01-31T15:00:00Z&customer_id=C-1",
]  # fmt: skip


@pytest.mark.parametrize("filters", FILTERS)
async def test_an_export_takes_the_filters_of_lists(
    api: httpx.AsyncClient, mongo: Mongo, filters: str
) -> None:
    await store(mongo, ticket("T-1", tenant_id="globex"), *(varied(n) for n in range(1_200)))

    exported = [row["external_id"] for row in parsed(await read(api, "csv", filters))]

    url, listed = f"/tickets?tenant_id=acme&limit=1000{filters}", []
    while url:
        answer = await api.get(url)
        listed += [row["external_id"] for row in answer.json()["tickets"]]
        url = answer.links.get("next", {}).get("url", "")
    assert exported == listed
    assert listed


def varied(number: int) -> Document:
    """A ticket that differs from its neighbours."""
    moment = NOON + timedelta(minutes=number)
    return ticket(
        f"T-{number}",
        created_at=moment,
        changed_at=moment,
        status="closed" if number % 3 else "open",
        urgency="high" if number % 5 else "low",
        subject="Refund" if number % 2 else "Thanks",
        deleted_at=moment if number % 7 == 0 else None,
    )


async def test_an_export_of_nothing_is_a_header_or_nothing(
    api: httpx.AsyncClient, mongo: Mongo
) -> None:
    assert len((await read(api, "csv")).text.splitlines()) == 1
    assert (await read(api, "ndjson")).content == b""


@pytest.mark.parametrize("wrong", ["&format=xlsx", "&cursor=x", "&page=1", "&sort=created_at"])
async def test_what_no_export_has_is_refused(api: httpx.AsyncClient, wrong: str) -> None:
    answer = await api.get(f"/tickets/export?tenant_id=acme{wrong}")

    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_memory_stays_flat(mongo: Mongo) -> None:
    short = {"tenant_id": "acme", "created_at": NOON, "deleted_at": None, "message": "x" * 1_000}
    await fill(mongo, [{"external_id": f"T-{n}", **short} for n in range(20_000)])
    peaks, written = [], 0

    tracemalloc.start()
    batches = TicketQueries(TenantScope(mongo, ANYBODY.grant("acme"))).export(
        ExportQuery(tenant_id="acme")
    )
    async for chunk in chunks(FORMS["ndjson"], await anext(batches), batches):
        written += len(chunk)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.reset_peak()
    tracemalloc.stop()

    assert len(peaks) > 20
    assert written > 20_000_000
    assert max(peaks[5:]) < 1.3 * max(peaks[:5]) < written / 2


async def fill(mongo: Mongo, tickets: list[Document]) -> None:
    """Make these the tickets that are read, with the one index that exports of all need."""
    await mongo["tickets_g2"].insert_many(tickets, ordered=False)
    newest = [index for index in TICKET_INDEXES if index.document["name"] == "newest"]
    await mongo["tickets_g2"].create_indexes(newest)
    await mongo[collections.READ_MODELS].update_one(
        {"_id": "active"}, {"$set": {"tickets": "tickets_g2"}}
    )


@asynccontextmanager
async def listening(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API behind a socket, which holds little of what nobody reads."""
    port, stop = free_port(), asyncio.Event()
    serving = asyncio.create_task(run_api(settings.model_copy(update={"api_port": port}), stop))
    give_up = time.monotonic() + 30
    while not is_listening(port):
        assert time.monotonic() < give_up
        await asyncio.sleep(0.05)
    try:
        transport = httpx.AsyncHTTPTransport(socket_options=[_SMALL_BUFFER], trust_env=False)
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", transport=transport, timeout=30
        ) as client:
            yield client
    finally:
        stop.set()
        await serving


LARGE = [ticket(f"T-{n}", message="x" * 8_000) for n in range(4_000)]
URL = "/tickets/export?tenant_id=acme&format=ndjson"


async def test_an_export_that_fails_midway_does_not_end_like_a_complete_one(
    settings: Settings, mongo: Mongo
) -> None:
    await fill(mongo, LARGE)
    async with listening(settings) as client:
        async with client.stream("GET", URL) as answer:
            lines = answer.aiter_lines()
            await anext(lines)
            await mongo["tickets_g2"].drop()
            with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
                async for _ in lines:
                    pass

        assert (await client.get("/livez")).status_code == 200


async def test_a_failure_before_the_first_byte_is_a_problem(
    api: httpx.AsyncClient, mongo: Mongo, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(mongo, LARGE)
    monkeypatch.setattr(scope, "_LONGEST_EXPORT_MS", 1)

    answer = await api.get(f"{URL}&q=absent")

    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:deskstream:problem:too-much-to-read"
    assert "Content-Disposition" not in answer.headers


async def test_who_hangs_up_ends_the_query(settings: Settings, mongo: Mongo) -> None:
    await fill(mongo, LARGE)
    await mongo.database.command("profile", 2)
    async with listening(settings) as client:
        async with client.stream("GET", URL) as answer:
            lines = answer.aiter_lines()
            await anext(lines)
            await until_open_cursors(mongo, 1)

        await until_open_cursors(mongo, 0)
    await mongo.database.command("profile", 0)

    reads = mongo["system.profile"].find({"ns": f"{mongo.database.name}.tickets_g2"})
    assert 0 < sum([read.get("nreturned", 0) async for read in reads]) < len(LARGE)


async def until_open_cursors(mongo: Mongo, count: int) -> None:
    """Wait until so many cursors over the tickets are open on the server."""
    stages: list[Document] = [
        {"$currentOp": {"idleCursors": True}},
        {"$match": {"ns": f"{mongo.database.name}.tickets_g2", "cursor": {"$exists": True}}},
    ]
    give_up = time.monotonic() + 30
    while len(found := await mongo.client.admin.aggregate(stages).to_list(None)) != count:
        assert time.monotonic() < give_up, found
        await asyncio.sleep(0.05)

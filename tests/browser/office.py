"""What the page is shown over: real processes, a sample helpdesk, and tenants with tickets."""

import asyncio
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr
from pymongo import MongoClient
from pymongo.database import Database

from dev.engines import Engines
from dev.helpdesk.helpdesk import HelpdeskSettings
from dev.helpdesk.server import HelpdeskServer
from dev.ports import free_port
from domain.circuit import Admission
from infra import collections
from infra.circuits import Circuit, circuit_rules
from infra.collections import ensure_collections
from infra.mongo import Mongo
from infra.settings import Settings
from infra.topic_admin import TopicAdmin
from tests.api.documents import NOON, alert, store, ticket
from tests.faults.deployment import Deployment, Process, deployed

TENANT = "lumenfold"
QUIET = "quiet-desk"  # one ticket, months ago
EVERYTHING = f"?tenant={TENANT}&range=all"
PATIENCE = 60.0

# What a customer may write; if the page took it for markup, it would run or call.
IMAGE = "<img src=x onerror=\"document.title='taken'\">"
SCRIPT = "<script>document.title='taken'</script>"
LINK = '"><a href="javascript:alert(1)"><svg onload=alert(1)>'

REFUSED = {"state": "dead_letter", "calls": 1, "error": f"answered 422: {IMAGE}", "ended_at": NOON}


@dataclass
class Office:
    """A deployment whose API serves the page."""

    engines: Engines
    helpdesk: HelpdeskServer
    deployment: Deployment
    database: Database[dict[str, Any]]
    url: str
    hostile: str = ""  # the id of the ticket that a bad customer wrote
    _api: list[Process] = field(default_factory=list)

    def start_api(self) -> None:
        """Start the API, again on the same port, and wait until it is ready."""
        port = str(httpx.URL(self.url).port)
        self._api.append(self.deployment.start("api", API_PORT=port))
        until(self._is_ready)

    def kill_api(self) -> None:
        """SIGKILL to the API."""
        self._api.pop().kill()

    def ingest(self, tenant_id: str) -> dict[str, Any]:
        """A whole run."""
        url = f"{self.url}/ingest/run?tenant_id={tenant_id}&wait={PATIENCE}"
        answer = httpx.post(url, timeout=2 * PATIENCE)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def get(self, path: str, **query: Any) -> Any:
        """The JSON of an answer."""
        answer = httpx.get(f"{self.url}{path}", params=query, timeout=PATIENCE)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def tickets(self, tenant_id: str = TENANT) -> list[dict[str, Any]]:
        """The documents of a tenant's tickets, as they stand in MongoDB."""
        return list(self.database[collections.TICKETS].find({"tenant_id": tenant_id}))

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False


def until(is_so: Callable[[], bool]) -> None:
    """Wait for a condition, for at most a minute."""
    give_up = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < give_up, f"not within {PATIENCE} s"
        time.sleep(0.05)


@contextmanager
def running_office(engines: Engines, directory: Path) -> Iterator[Office]:
    """An office whose sample is ingested; a failure within shows what its processes logged."""
    desk = HelpdeskSettings(tickets=420, tenants=(TENANT, "harbortide"), limit=0)
    with ExitStack() as stack:
        helpdesk = stack.enter_context(HelpdeskServer(desk))
        settings = _settings(engines, helpdesk.url)
        asyncio.run(_prepare(settings))
        deployment = stack.enter_context(deployed(settings, directory))
        client: MongoClient[dict[str, Any]] = stack.enter_context(
            MongoClient(settings.mongodb_uri.get_secret_value(), tz_aware=True)
        )
        database = client[settings.mongodb_database]
        url = f"http://127.0.0.1:{free_port()}"
        office = Office(engines, helpdesk, deployment, database, url)
        try:
            for service in ("worker", "projector"):
                deployment.start(service)
            office.start_api()
            office.ingest("*")
            _write_badly(office)
            yield office
        except BaseException as error:
            error.add_note(deployment.logs())
            raise


def _settings(engines: Engines, helpdesk_url: str) -> Settings:
    name = uuid.uuid4().hex[:12]
    return Settings(
        _env_file=None,
        kafka_bootstrap_servers=engines.kafka.bootstrap,
        mongodb_uri=SecretStr(engines.mongod.uri),
        kafka_topic_prefix=f"w{name}.",
        kafka_partitions=4,
        mongodb_database=f"w{name}",
        helpdesk_url=helpdesk_url,
        helpdesk_rate_limit=0,
        breaker_open_seconds=600.0,
    )


async def _prepare(settings: Settings) -> None:
    mongo = Mongo(settings)
    try:
        await ensure_collections(mongo)
        async with TopicAdmin(settings, mongo) as topics:
            await topics.create()
        await store(mongo, ticket("Q-1", tenant_id=QUIET))
        await mongo[collections.ALERTS].insert_many(
            [
                alert("waits", tenant_id=TENANT),
                alert("refused", tenant_id=TENANT, **REFUSED),
                alert("to-retry", tenant_id=TENANT, ticket_id="T-2", **REFUSED),
            ]
        )
        await _open_circuit(mongo, settings)
    finally:
        mongo.close()


async def _open_circuit(mongo: Mongo, settings: Settings) -> None:
    """Let calls to the receiver of alerts fail until none goes out."""
    circuit = Circuit(mongo, "notify", circuit_rules(settings, settings.notify_timeout))
    for _ in range(settings.breaker_failures):
        admission = await circuit.admit()
        assert isinstance(admission, Admission)
        await circuit.report(admission, succeeded=False)


def _write_badly(office: Office) -> None:
    """Let the customer of an urgent ticket write what a page must not believe, and ingest it."""
    wanted = {"tenant_id": TENANT, "urgency": "high", "status": "open"}
    urgent = office.get("/tickets", **wanted, sort="created_at", limit=1)
    office.hostile = urgent["tickets"][0]["external_id"]
    office.helpdesk.update(
        TENANT,
        office.hostile,
        subject=f"Production down {IMAGE}",
        message=f"Production is down. {SCRIPT}\n{LINK}",
        customer_id=LINK,
        status=f"odd {IMAGE}",
    )
    office.ingest(TENANT)

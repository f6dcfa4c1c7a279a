"""The whole way over TLS, each process in its role, with nothing but what its lists allow."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from dev.helpdesk.helpdesk import HelpdeskSettings
from dev.helpdesk.server import HelpdeskServer
from dev.ports import free_port
from dev.secure_engines import SecureEngines
from tests.cli.commands import Deskstream
from tests.faults.deployment import Deployment, Process, deployed
from tests.integration.pipeline import eventually
from tests.security.roles import environment_in, settings_of

SERVICES = ("worker", "projector", "notifier", "api")


@pytest.mark.faults
@pytest.mark.timeout(240)
async def test_a_run_is_completed_over_tls_though_a_worker_dies_in_its_transaction(
    secure_engines: SecureEngines, tmp_path: Path
) -> None:
    """Whoever comes next ends the open transaction: the right to end sessions is enough too."""
    with HelpdeskServer(HelpdeskSettings(tickets=300, limit=0)) as helpdesk:
        port = free_port()
        own = {"HELPDESK_URL": helpdesk.url, "API_PORT": str(port)}
        operator = Deskstream(environment_in(secure_engines, "operator", **own))
        assert operator.run("topics", "create").returncode == 0
        settings = settings_of(
            secure_engines, "operator", helpdesk_url=helpdesk.url, api_port=port, lease_seconds=5
        )
        with deployed(settings, tmp_path) as deployment:
            worker = _start(deployment, secure_engines, "worker", crash_at="sync_before_commit:1")
            for service in SERVICES[1:]:
                _start(deployment, secure_engines, service)
            job = await _begin(port)
            await eventually(lambda: _dead(worker))
            _start(deployment, secure_engines, "worker")
            ended = await eventually(
                lambda: _progress(port, job), lambda p: p["phase"] == "completed"
            )
            assert ended["counters"]["new_ingested"] == 300, deployment.logs()
            assert await _health(port) == "up"
            verified = operator.run("verify")
    logs = _written(tmp_path)
    assert (verified.returncode, verified.stderr) == (0, "")
    assert "not authorized" not in logs
    assert not any(word in logs for word in secure_engines.passwords.values())


def _written(directory: Path) -> str:
    return "".join(path.read_text() for path in directory.glob("*.log"))


def _start(
    deployment: Deployment, engines: SecureEngines, role: str, crash_at: str = ""
) -> Process:
    own = {"KAFKA_SASL_USERNAME": role, "KAFKA_SASL_PASSWORD": engines.passwords[role]}
    return deployment.start(role, crash_at=crash_at, **own)


async def _begin(port: int) -> str:
    async def begin() -> str | None:
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as api:
                answer = await api.post("/ingest/run", params={"tenant_id": "*"})
        except httpx.HTTPError:
            return None
        return answer.json()["job_id"] if answer.status_code == 202 else None

    return str(await eventually(begin))


async def _progress(port: int, job: str) -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as api:
        return dict((await api.get(f"/ingest/progress/{job}")).json())


async def _health(port: int) -> str:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as api:
        return str((await api.get("/health")).json()["status"])


async def _dead(process: Process) -> bool | None:
    return None if process.is_alive else True

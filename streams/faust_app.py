"""The Faust application: moves bytes from two topics to two stages, and nothing else."""

import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import faust
from faust.auth import SASLCredentials, SSLCredentials

from domain.topics import CLASSIFIED, COMMANDS, RAW
from infra.header_names import read_any_name
from infra.kafka import (
    HEARTBEAT_MS,
    METADATA_AGE_MS,
    REBALANCE_TIMEOUT_MS,
    SESSION_TIMEOUT_MS,
    Record,
)
from infra.kafka_security import client_security
from infra.settings import Settings
from streams.faust_consumer import CommittedTransport

Absorb: TypeAlias = Callable[[Sequence[Record]], Awaitable[None]]
FaustApp: TypeAlias = Any  # the library is untyped

_BATCH: Final = 1000
_WITHIN_SECONDS: Final = 0.03
_LARGEST_FETCH: Final = 2 * 1024 * 1024


def create_faust_app(
    settings: Settings, *, classify: Absorb, sync: Absorb, wake: Callable[[], None]
) -> FaustApp:
    """An application with the agents of a worker; nothing runs before it is started."""
    read_any_name()
    servers = settings.kafka_bootstrap_servers.split(",")
    app = faust.App(
        settings.topic("deskstream.worker"),
        broker=[f"kafka://{server}" for server in servers],
        broker_credentials=_credentials(settings),
        web_enabled=False,
        datadir=Path(tempfile.gettempdir()) / "deskstream-faust",  # made, and never used
        store="memory://",
        topic_disable_leader=True,
        topic_partitions=settings.kafka_partitions,
        topic_replication_factor=settings.kafka_replication,
        broker_session_timeout=SESSION_TIMEOUT_MS / 1000,
        broker_heartbeat_interval=HEARTBEAT_MS / 1000,
        broker_request_timeout=30.0,
        broker_rebalance_timeout=REBALANCE_TIMEOUT_MS / 1000,
        broker_commit_interval=1.0,
        broker_max_poll_records=_BATCH,
        consumer_max_fetch_size=_LARGEST_FETCH,
        consumer_auto_offset_reset="earliest",
        consumer_metadata_max_age_ms=METADATA_AGE_MS,
        stream_wait_empty=True,
        stream_buffer_maxsize=4 * _BATCH,
        loghandlers=[],
    )
    app.transport = CommittedTransport(app.conf.broker, app, app.loop)

    def bytes_of(name: str) -> Any:  # noqa: ANN401 (untyped library)
        return app.topic(
            settings.topic(name),
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
            internal=False,
            allow_empty=True,
        )

    @app.agent(bytes_of(RAW), concurrency=1, name="classifier")  # type: ignore[untyped-decorator]
    async def _classify(stream: Any) -> None:  # noqa: ANN401 (untyped library)
        """tickets.raw -> tickets.classified."""
        async for events in stream.take_events(_BATCH, within=_WITHIN_SECONDS):
            await classify([_record(event.message) for event in events])

    @app.agent(bytes_of(CLASSIFIED), concurrency=1, name="sync")  # type: ignore[untyped-decorator]
    async def _sync(stream: Any) -> None:  # noqa: ANN401 (untyped library)
        """tickets.classified -> tickets.changes."""
        async for events in stream.take_events(_BATCH, within=_WITHIN_SECONDS):
            await sync([_record(event.message) for event in events])

    @app.agent(bytes_of(COMMANDS), concurrency=1, name="ingestion")  # type: ignore[untyped-decorator]
    async def _ingest(stream: Any) -> None:  # noqa: ANN401 (untyped library)
        """A command only wakes: the job document is what counts."""
        async for _ in stream:
            wake()

    return app


def _credentials(settings: Settings) -> Any:  # noqa: ANN401 (untyped library)
    """What our other clients are given, as Faust takes it."""
    given = client_security(settings)
    if settings.uses_sasl:
        return SASLCredentials(
            username=given["sasl_plain_username"],
            password=given["sasl_plain_password"],
            mechanism=given["sasl_mechanism"],
            ssl_context=given.get("ssl_context"),
        )
    return SSLCredentials(given["ssl_context"]) if settings.uses_tls else None


def _record(message: Any) -> Record:  # noqa: ANN401 (untyped library)
    headers = message.headers or ()
    return Record(
        message.partition,
        message.offset,
        message.key,
        message.value,
        tuple(headers.items() if hasattr(headers, "items") else headers),
        round(message.timestamp * 1000),
    )

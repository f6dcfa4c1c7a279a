"""Real engines: data outlives kills and changes of port, and no engine outlives its owner."""

import os
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from pymongo import MongoClient

from dev.engine_errors import (
    AlreadyRunningError,
    EngineDiedError,
    EngineNotReadyError,
    PortTakenError,
)
from dev.engines import Engines
from dev.kafka_broker import KafkaBroker
from dev.mongod import Mongod, installed_mongod
from dev.ports import free_port, is_listening

pytestmark = pytest.mark.services

_TOPIC = "kept"
_PARTITION = TopicPartition(_TOPIC, 0)


@pytest.fixture
def mongod(tmp_path: Path) -> Iterator[Mongod]:
    server = Mongod(tmp_path / "mongod", free_port())
    yield server
    server.stop()


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[KafkaBroker]:
    broker = KafkaBroker(tmp_path / "kafka", free_port())
    yield broker
    broker.stop()


@pytest.mark.faults
async def test_what_was_acknowledged_survives_kill_9_of_both(tmp_path: Path) -> None:
    with Engines.local(tmp_path) as engines:
        await _produce(engines.kafka, b"a record of 4 MiB".ljust(4 * 1024 * 1024 - 1024, b"."))
        _write_in_a_transaction(engines.mongod)

        for engine in engines.both:
            engine.kill()
            assert not is_listening(engine.port)
        engines.start()

        assert (await _consume(engines.kafka)).startswith(b"a record")
        assert _documents(engines.mongod) == [{"_id": 1}, {"_id": 2}]
    assert not any(is_listening(engine.port) for engine in engines.both)


@pytest.mark.faults
async def test_the_data_moves_to_other_ports(tmp_path: Path) -> None:
    with Engines.local(tmp_path) as first:
        await _produce(first.kafka, b"moved")
        _write_in_a_transaction(first.mongod)

    with Engines.local(tmp_path) as second:
        assert await _consume(second.kafka) == b"moved"
        assert _documents(second.mongod) == [{"_id": 1}, {"_id": 2}]
    assert first.environment() != second.environment()


async def test_no_engine_outlives_an_owner_that_was_killed(tmp_path: Path) -> None:
    program = """
        import pathlib, sys, time
        from dev.engines import Engines
        engines = Engines.local(pathlib.Path(sys.argv[1]))
        engines.start()
        sys.stdout.write(f"{engines.kafka.pid} {engines.mongod.pid}\\n")
        sys.stdout.flush()
        time.sleep(600)
    """
    with _python(program, tmp_path) as owner:
        pids = [int(word) for word in _line(owner).split()]
        assert all(psutil.pid_exists(pid) for pid in pids)
        owner.kill()

    _wait_until(lambda: not any(_runs(pid) for pid in pids))


def test_ctrl_c_in_the_terminal_does_not_reach_the_engine(mongod: Mongod) -> None:
    mongod.start()

    assert mongod.pid is not None
    assert os.getsid(mongod.pid) == mongod.pid


def test_a_suspended_engine_is_not_ready_until_it_is_resumed(kafka: KafkaBroker) -> None:
    kafka.start()

    kafka.suspend()
    with pytest.raises(EngineNotReadyError):
        kafka.wait_ready(deadline=0.5)
    kafka.resume()
    kafka.wait_ready(deadline=10)


def test_a_suspended_engine_can_be_stopped(mongod: Mongod) -> None:
    mongod.start()
    mongod.suspend()

    began = time.monotonic()
    mongod.stop(timeout=20)

    assert time.monotonic() - began < 10
    assert mongod.pid is None


def test_an_engine_that_cannot_start_shows_the_end_of_its_log(kafka: KafkaBroker) -> None:
    kafka.start()
    kafka.stop()
    meta = kafka.data_dir / "topics" / "meta.properties"
    meta.write_text(meta.read_text().replace("node.id=1", "node.id=7"))

    with pytest.raises(EngineDiedError, match=r"(?s)kafka ended while .*node id 7"):
        kafka.start()


def test_a_second_engine_on_the_same_data_is_refused_and_the_first_goes_on(mongod: Mongod) -> None:
    mongod.start()
    second = Mongod(mongod.data_dir, free_port())

    with pytest.raises(AlreadyRunningError, match=str(mongod.pid)):
        second.start()
    second.stop()

    mongod.wait_ready(deadline=5)


def test_a_taken_port_is_named_and_the_other_engine_is_stopped(
    mongod: Mongod, tmp_path: Path
) -> None:
    mongod.start()
    engines = Engines.local(tmp_path / "others", mongo_port=mongod.port)

    with pytest.raises(PortTakenError, match=str(mongod.port)):
        engines.start()

    assert engines.kafka.pid is None
    mongod.wait_ready(deadline=5)


def test_a_pid_that_passed_to_another_program_is_left_alone(mongod: Mongod) -> None:
    mongod.data_dir.mkdir(parents=True)
    stale = f'{{"pid": {os.getpid()}, "port": 1, "bound": false}}'
    (mongod.data_dir / "mongod.pid").write_text(stale)

    assert not Mongod(mongod.data_dir, mongod.port).adopt()
    mongod.start()


def test_a_server_without_its_run_bit_is_copied(
    mongod: Mongod, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpacked = shutil.copyfile(installed_mongod(), tmp_path / "unpacked")
    monkeypatch.setattr("dev.mongod.installed_mongod", lambda: unpacked)

    mongod.start()

    assert mongod.pid is not None
    assert psutil.Process(mongod.pid).exe() == str(mongod.data_dir / "mongod")


def _write_in_a_transaction(mongod: Mongod) -> None:
    with MongoClient[dict[str, Any]](mongod.uri) as client:
        client.test.create_collection("kept")
        with client.start_session() as session, session.start_transaction():
            client.test.kept.insert_one({"_id": 1}, session=session)
            client.test.kept.insert_one({"_id": 2}, session=session)


def _documents(mongod: Mongod) -> list[dict[str, Any]]:
    with MongoClient[dict[str, Any]](mongod.uri) as client:
        return list(client.test.kept.find().sort("_id"))


async def _produce(kafka: KafkaBroker, value: bytes) -> None:
    async with _started(AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)) as admin:
        await admin.create_topics([NewTopic(_TOPIC, 1, 1)])
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka.bootstrap, max_request_size=4 * 1024 * 1024, acks="all"
    )
    async with _started(producer):
        await producer.send_and_wait(_TOPIC, value)


async def _consume(kafka: KafkaBroker) -> bytes:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest", group_id=None
    )
    async with _started(consumer):
        consumer.assign([_PARTITION])
        record = await consumer.getone()
    assert record.value is not None
    return bytes(record.value)


@asynccontextmanager
async def _started(client: Any) -> AsyncIterator[Any]:
    await client.start()
    try:
        yield client
    finally:
        await (client.close() if hasattr(client, "close") else client.stop())


def _python(program: str, *arguments: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)

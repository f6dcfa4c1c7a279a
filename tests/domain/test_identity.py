"""Keys, partitions and ids are the same on every machine, and Kafka's own."""

import uuid

import pytest
from aiokafka.partitioner import murmur2 as murmur2_of_aiokafka
from hypothesis import given
from hypothesis import strategies as st

from domain.identity import change_event_id, is_tenant_id, murmur2, partition_of, ticket_key

# Source: Apache Kafka, clients/src/test/java/org/apache/kafka/common/utils/UtilsTest.java,
# testMurmur2; signed as in Java.
KAFKAS_OWN = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize(("data", "signed"), KAFKAS_OWN.items())
def test_the_hash_is_the_one_that_kafka_tests(data: bytes, signed: int) -> None:
    assert murmur2(data) == signed % 2**32


@given(st.binary(max_size=40))
def test_the_hash_is_the_one_that_aiokafka_sends_by(data: bytes) -> None:
    assert murmur2(data) == murmur2_of_aiokafka(data) % 2**32


@given(st.binary(max_size=40), st.integers(1, 64))
def test_a_partition_is_one_of_those_there_are(data: bytes, partitions: int) -> None:
    assert partition_of(data, partitions) in range(partitions)


def test_partitions_of_known_keys_never_move() -> None:
    keys = [f"acme:T-{number}".encode() for number in range(8)]

    assert [partition_of(key, 8) for key in keys] == [5, 2, 2, 5, 7, 2, 5, 6]


@pytest.mark.parametrize("text", ["a", "acme", "A_b-9", "x" * 64])
def test_a_tenant_is_named_by_letters_digits_dash_and_underscore(text: str) -> None:
    assert is_tenant_id(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x" * 65,
        "a:b",
        "a b",
        "a\n",
        "ä",
        "a.b",
        "*",
        "a/b",
        "a\x00",
        "１",
        None,
        1,
        b"a",
        ["a"],
        {},
    ],
)
def test_nothing_else_names_a_tenant(text: object) -> None:
    assert not is_tenant_id(text)


def test_a_key_is_unambiguous_whatever_the_external_id() -> None:
    assert ticket_key("a", "b:c") == "a:b:c"
    assert ticket_key("a", "b:c").split(":", 1) == ["a", "b:c"]


def test_an_event_id_is_a_uuid_that_follows_from_ticket_and_version() -> None:
    assert change_event_id("acme:T-1", 1) == "fd9aded3-c0d3-5c4e-b349-20954376fc43"
    assert uuid.UUID(change_event_id("acme:T-1", 1)).version == 5
    assert change_event_id("acme:T-1", 2) != change_event_id("acme:T-1", 1)
    assert change_event_id("acme:T-1", 12) != change_event_id("acme:T-11", 2)

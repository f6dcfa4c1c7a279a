"""Records are read whatever their headers are called, and others as if nothing was done."""

from typing import Any

import pytest
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.record.memory_records import MemoryRecords

from infra.header_names import _Records

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}


class Name(str):
    """A name that is written as bytes that are no UTF-8."""

    __slots__ = ()

    def encode(self, *_: Any) -> bytes:
        return b"\xff\xfe" + super().encode()


def _batch(codec: int, *names: str, first: int = 0) -> bytes:
    builder = _DefaultRecordBatchBuilderPy(2, codec, 0, -1, -1, -1, 1 << 20)
    for number, name in enumerate(names):
        builder.append(
            number, 1_700_000_000_000 + number, key=b"k" if number else None,
            value=None if number == 1 else b"v" * number,
            headers=[(name, b"content"), ("empty", b""), ("nothing", None)],
        )  # fmt: skip
    data = bytearray(builder.build())
    data[:8] = first.to_bytes(8, "big")
    return bytes(data)


def _read(records: Any) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    while records.has_next():
        batch = records.next_batch()
        assert batch.validate_crc()
        found += [
            (r.offset, r.timestamp, r.timestamp_type, r.key, r.value, r.headers) for r in batch
        ]
    return found


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_a_name_that_is_no_text_is_read_with_a_sign_in_its_place(codec: int) -> None:
    odd = _batch(codec, "a", Name("b"), "c", first=10)
    plain = _batch(codec, "a", "b", "c", first=10)

    with pytest.raises(UnicodeDecodeError):
        _read(MemoryRecords(odd))
    found, expected = _read(_Records(odd)), _read(MemoryRecords(plain))

    assert found[1][-1][0] == ("\ufffd\ufffdb", b"content")
    found[1][-1][0] = ("b", b"content")
    assert found == expected


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_batches_beside_it_are_read_as_ever(codec: int) -> None:
    data = _batch(codec, "a", "b") + _batch(codec, Name("c"), first=2) + _batch(codec, "d", first=3)

    assert [r[0] for r in _read(_Records(data))] == [0, 1, 2, 3]


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_what_has_no_such_name_is_what_it_was(codec: int) -> None:
    data = _batch(codec, "a", "b", "ä") + _batch(codec, "e", first=3)

    assert _read(_Records(data + b"\x00\x01")) == _read(MemoryRecords(data))
    assert _Records(data).size_in_bytes() == len(data)

"""Names of headers that are not UTF-8: one record that has such a name must not stop a partition.

Kafka keeps whatever bytes a producer calls a header; aiokafka 0.14 fails to read the whole batch,
again and again.  What holds no such name is read as before, at the same speed.
"""

import struct
from collections.abc import Iterator
from typing import Any, Final

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy, _DefaultRecordPy
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import decode_varint

_FRAME: Final = 12  # bytes before what a batch calls its length: the offset, and the length
_MAGIC: Final = 16  # where the version of the format stands in a batch
_HEADERS_SINCE: Final = 2  # that version


def read_any_name() -> None:
    """Let every consumer of this process read such records; more than once is as good as once."""
    fetcher.MemoryRecords = _Records


class _Records:
    """The batches of an answer of Kafka, as aiokafka's `MemoryRecords`."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._records = MemoryRecords(data)
        self._position = 0

    def size_in_bytes(self) -> int:
        return int(self._records.size_in_bytes())

    def has_next(self) -> bool:
        return bool(self._records.has_next())

    def next_batch(self) -> Any:  # noqa: ANN401 (untyped library)
        batch = self._records.next_batch()
        start = self._position
        (length,) = struct.unpack_from(">i", self._data, start + _FRAME - 4)
        self._position = start + _FRAME + length
        if self._data[start + _MAGIC] < _HEADERS_SINCE or batch.is_control_batch:
            return batch
        return _Batch(batch, memoryview(self._data)[start : self._position])


class _Batch:
    """One batch: what is asked of it is asked of aiokafka's, but for its records."""

    def __init__(self, batch: Any, data: memoryview) -> None:  # noqa: ANN401 (untyped library)
        self._batch = batch
        self._data = data

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 (untyped library)
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[Any]:
        try:
            return iter(list(self._batch))
        except UnicodeDecodeError:
            return _read(_DefaultRecordBatchPy(bytes(self._data)))


def _read(batch: Any) -> Iterator[Any]:  # noqa: ANN401 (untyped library)
    """The records of a batch, format 2 (Kafka's protocol guide, "Record Batch")."""
    iter(batch)  # uncompresses it
    data, position = bytes(batch._buffer), batch._pos
    for _ in range(batch._num_records):
        _, position = decode_varint(data, position)  # its length
        _, position = decode_varint(data, position)  # attributes, of which there are none
        later, position = decode_varint(data, position)
        offset, position = decode_varint(data, position)
        key, position = _bytes(data, position)
        value, position = _bytes(data, position)
        count, position = decode_varint(data, position)
        headers = []
        for _ in range(count):
            name, position = _bytes(data, position)
            content, position = _bytes(data, position)
            headers.append(((name or b"").decode(errors="replace"), content))
        stamped = batch.timestamp_type == batch.LOG_APPEND_TIME
        timestamp = batch.max_timestamp if stamped else batch.first_timestamp + later
        yield _DefaultRecordPy(
            batch.base_offset + offset, timestamp, batch.timestamp_type, key, value, headers
        )


def _bytes(data: bytes, position: int) -> tuple[bytes | None, int]:
    length, position = decode_varint(data, position)
    if length < 0:
        return None, position
    return data[position : position + length], position + length

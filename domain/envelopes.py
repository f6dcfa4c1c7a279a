"""The records a run writes to `tickets.raw`: same run and row, same bytes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from domain.cloudevents import OBSERVED, RUN_ENDED
from domain.instants import rfc3339
from domain.records import RunEnded

_ENCODER = msgspec.json.Encoder()
_MEMBERS = (
    "id", "tenant_id", "source", "customer_id", "subject", "message", "status",
    "created_at", "updated_at",
)  # fmt: skip


def observed(
    row: Mapping[str, Any], *, source: str, job_id: str, sequence: int, time: datetime
) -> bytes:
    """The envelope of one row of the helpdesk, as the run's record number `sequence`."""
    data = {name: row[name] for name in _MEMBERS if name in row}
    return _envelope(
        OBSERVED, data, source=source, job_id=job_id, identifier=f"{job_id}:{sequence}", time=time
    )


def run_ended(marker: RunEnded, *, source: str, time: datetime) -> bytes:
    """The envelope of the run's marker on one partition."""
    data = {name: getattr(marker, name) for name in marker.__struct_fields__ if name != "origin"}
    identifier = f"{marker.job_id}:ended:{marker.partition}"
    return _envelope(
        RUN_ENDED, data, source=source, job_id=marker.job_id, identifier=identifier, time=time
    )


def _envelope(
    type_: str,
    data: Mapping[str, Any],
    *,
    source: str,
    job_id: str,
    identifier: str,
    time: datetime,
) -> bytes:
    return _ENCODER.encode(
        {
            "specversion": "1.0",
            "type": type_,
            "source": source,
            "id": identifier,
            "time": rfc3339(time),
            "datacontenttype": "application/json",
            "jobid": job_id,
            "data": data,
        }
    )

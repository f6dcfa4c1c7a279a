"""The records a run writes to `tickets.raw`: same run and row, same bytes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from domain.cloudevents import DELETED, OBSERVED, RUN_ENDED
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
    attributes = _attributes(OBSERVED, source, job_id, f"{job_id}:{sequence}", time)
    return _ENCODER.encode({**attributes, "data": data})


class Deletion(NamedTuple):
    """What a crawl found gone: by which evidence, and when it noticed."""

    tenant_id: str
    external_id: str
    detected_by: str
    noticed_at: datetime


def deleted(
    deletion: Deletion, *, source: str, job_id: str, sequence: int, time: datetime
) -> bytes:
    """The envelope of a deletion; `time` is the run's start: what was seen since is not deleted."""
    data = {
        "tenant_id": deletion.tenant_id,
        "external_id": deletion.external_id,
        "deleted_at": rfc3339(deletion.noticed_at),
    }
    return _ENCODER.encode(
        {
            **_attributes(DELETED, source, job_id, f"{job_id}:{sequence}", time),
            "detectedby": deletion.detected_by,
            "data": data,
        }
    )


def run_ended(marker: RunEnded, *, source: str, time: datetime) -> bytes:
    """The envelope of the run's marker on one partition."""
    data = {name: getattr(marker, name) for name in marker.__struct_fields__ if name != "origin"}
    identifier = f"{marker.job_id}:ended:{marker.partition}"
    attributes = _attributes(RUN_ENDED, source, marker.job_id, identifier, time)
    return _ENCODER.encode({**attributes, "data": data})


def _attributes(
    type_: str, source: str, job_id: str, identifier: str, time: datetime
) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "type": type_,
        "source": source,
        "id": identifier,
        "time": rfc3339(time),
        "datacontenttype": "application/json",
        "jobid": job_id,
    }

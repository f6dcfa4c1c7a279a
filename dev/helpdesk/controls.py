"""The control routes of a helpdesk, as methods."""

import json
from collections.abc import Sequence
from typing import Any, TypeVar

import httpx
import msgspec

from dev.helpdesk.faults import AnyFault
from dev.helpdesk.generator import Ticket
from dev.helpdesk.operations import Insert, Operation, Remove, Restore, Touch, Update
from dev.helpdesk.records import Notification, RequestRecord

T = TypeVar("T")


class HelpdeskControlError(RuntimeError):
    """A control route refused what it was sent."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__(f"{answer.request.url.path}: {answer.status_code} {answer.text}")
        self.status = answer.status_code


class HelpdeskControls:
    """Looks into and changes the helpdesk at `url`.  All methods are synchronous."""

    def __init__(self, url: str = "") -> None:
        self.url = url
        # No connection is kept: nothing to close, and none goes stale when the helpdesk restarts.
        unkept = httpx.Limits(max_keepalive_connections=0)
        self._http = httpx.Client(timeout=30.0, trust_env=False, limits=unkept)

    def requests(self, path_prefix: str = "/") -> list[RequestRecord]:
        """Return every request so far whose path begins so, in order of arrival."""
        records = self._get("requests", list[RequestRecord])
        return [record for record in records if record.path.startswith(path_prefix)]

    def forget_requests(self) -> None:
        """Begin the record of requests anew."""
        self._call("DELETE", "requests")

    def counts(self) -> dict[str, int]:
        """Return the number of live tickets by tenant."""
        return self._get("counts", dict[str, int])

    def tickets(self, tenant_id: str | None = None) -> list[Ticket]:
        """Return the live tickets of one or all tenants, in the order they are paged in."""
        params = {} if tenant_id is None else {"tenant_id": tenant_id}
        answer = self._call("GET", "tickets", params=params)
        return [json.loads(line) for line in answer.content.splitlines()]

    def change(self, operations: Sequence[Operation]) -> None:
        """Apply operations in order."""
        self._call("POST", "tickets", content=_as_json(operations))

    def insert(self, *tickets: Ticket, position: int | None = None) -> None:
        """Put tickets in before row `position`, or at the end."""
        self.change([Insert(list(tickets), position)])

    def update(self, tenant_id: str, ticket_id: str, **fields: Any) -> None:  # noqa: ANN401  JSON
        """Change fields; `updated_at` becomes the present moment unless named."""
        self.change([Update(tenant_id, ticket_id, fields)])

    def touch(self, tenant_id: str, ticket_id: str, updated_at: str | None = None) -> None:
        """Move `updated_at` without content, to the present moment unless given."""
        self.change([Touch(tenant_id, ticket_id, updated_at)])

    def remove(self, tenant_id: str, *ticket_ids: str, listed: bool = True) -> None:
        """Delete tickets; those not `listed` stay out of `deleted-tickets`."""
        self.change([Remove(tenant_id, ticket_id, listed) for ticket_id in ticket_ids])

    def restore(self, tenant_id: str, *ticket_ids: str) -> None:
        """Bring deleted tickets back."""
        self.change([Restore(tenant_id, ticket_id) for ticket_id in ticket_ids])

    def install_faults(self, faults: Sequence[AnyFault]) -> None:
        """Add faults to the plan."""
        self._call("POST", "faults", content=_as_json(faults))

    def faults_fired(self) -> list[int]:
        """Return how often each installed fault has fired, in order of installation."""
        return [planned["fired"] for planned in self._get("faults", list[dict[str, Any]])]

    def remove_faults(self) -> None:
        """Be a sound helpdesk again."""
        self._call("DELETE", "faults")

    def set_limit(self, limit: int, period: float = 60.0) -> None:
        """Allow `limit` calls in any `period` seconds (0: all), from an empty window on."""
        self._call("POST", "limit", content=_as_json({"limit": limit, "period": period}))

    def set_notify_failures(self, failures: int) -> None:
        """Let the first `failures` notifications of each ticket fail."""
        self._call("POST", "notify", content=_as_json({"failures": failures}))

    def notifications(self) -> list[Notification]:
        """Return every notification so far and how it was answered, in order."""
        return self._get("notifications", list[Notification])

    def forget_notifications(self) -> None:
        """Begin the record of notifications, and the count of calls per ticket, anew."""
        self._call("DELETE", "notifications")

    def _get(self, path: str, shape: type[T]) -> T:
        return msgspec.json.decode(self._call("GET", path).content, type=shape)

    def _call(self, method: str, path: str, **parts: Any) -> httpx.Response:  # noqa: ANN401  httpx's
        answer = self._http.request(method, f"{self.url}/_control/{path}", **parts)
        if answer.is_error:
            raise HelpdeskControlError(answer)
        return answer


def _as_json(value: object) -> bytes:
    # ASCII with escapes: the only JSON that can carry a lone surrogate over HTTP.
    return json.dumps(msgspec.to_builtins(value)).encode("ascii")

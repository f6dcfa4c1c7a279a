"""Whom an erasure is about: a customer of a tenant, or one ticket."""

from hashlib import blake2b
from typing import NamedTuple

from domain.identity import ticket_key

_NAME_BYTES = 16


class ErasureSubject(NamedTuple):
    """One of `customer_id` and `external_id` is given."""

    tenant_id: str
    customer_id: str | None = None
    external_id: str | None = None

    @property
    def key(self) -> str | None:
        """The ticket, if it is one."""
        return None if self.external_id is None else ticket_key(self.tenant_id, self.external_id)

    @property
    def name(self) -> str:
        """What the record of an erasure keeps: a customer's id is as much as a name."""
        if self.customer_id is None:
            return f"ticket {self.external_id}"
        said = f"{self.tenant_id}\x00{self.customer_id}".encode()
        return f"customer #{blake2b(said, digest_size=_NAME_BYTES).hexdigest()}"

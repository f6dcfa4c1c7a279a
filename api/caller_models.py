"""The shapes of the answers about callers and the tenants that they see."""

from typing import Literal

from pydantic import BaseModel, Field

from domain.access import KeyScope


class WhoAmI(BaseModel):
    """Who calls, and what that is good for; `*` stands for all tenants."""

    access: Literal["open", "key"] = Field(description="`open`: no key is wanted here.")
    key_id: str | None
    name: str | None
    tenant_id: str
    scopes: list[KeyScope]


class Tenants(BaseModel):
    """Tenants, in order."""

    tenants: list[str]

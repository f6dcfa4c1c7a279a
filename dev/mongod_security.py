"""A local MongoDB that lets in only whom it knows, over TLS: its arguments and its users."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pymongo import MongoClient
from pymongo.errors import OperationFailure

ADMIN: Final = "admin"
_REFUSED: Final = (13, 18)  # MongoDB's error codes: not authorized, not authenticated

Role = Mapping[str, str]


@dataclass(frozen=True)
class MongodSecurity:
    """How clients come in: `certificate` holds the server's key and chain, `users` passwords.

    The users are made when the server starts for the first time, `ADMIN` first, which must be one
    of them; `roles` says what the others may do.
    """

    certificate: Path
    ca: Path
    users: Mapping[str, str]
    roles: Mapping[str, Sequence[Role]]

    def arguments(self, directory: Path) -> list[str]:
        """What the server is started with in addition."""
        members = directory / "members.key"  # members of a replica set know each other by it
        if not members.exists():
            members.touch(mode=0o600)
            members.write_text(secrets.token_hex(64))
        return [
            *("--tlsMode", "requireTLS", "--tlsCertificateKeyFile", str(self.certificate)),
            *("--tlsCAFile", str(self.ca), "--tlsAllowConnectionsWithoutCertificates"),
            *("--auth", "--keyFile", str(members)),
        ]

    def client_arguments(self) -> dict[str, Any]:
        """What a client of this server is given to be let in without a name."""
        return {"tls": True, "tlsCAFile": str(self.ca)}

    def make_users(self, client: MongoClient[dict[str, Any]]) -> bool:
        """Make who is missing; `client` has no name: the first user of all may be made so."""
        try:
            client.admin.command(
                "createUser", ADMIN, pwd=self.users[ADMIN], roles=["root"], writeConcern={"w": 1}
            )
        except OperationFailure as error:
            if error.code not in _REFUSED:
                raise
            return True  # there are users already
        host, port = client.address or ("", 0)
        with MongoClient[dict[str, Any]](
            host,
            port,
            directConnection=True,
            username=ADMIN,
            password=self.users[ADMIN],
            **self.client_arguments(),
        ) as admin:
            for name, roles in self.roles.items():
                admin.admin.command("createUser", name, pwd=self.users[name], roles=list(roles))
        return True

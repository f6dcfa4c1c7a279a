"""Kafka and MongoDB together: started at the same time, stopped together."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from dev.kafka_broker import KafkaBroker
from dev.kafka_jars import JARS
from dev.mongod import Mongod
from dev.ports import free_port


class Engines:
    """Both engines.  As a context manager: they run inside the block."""

    def __init__(self, kafka: KafkaBroker, mongod: Mongod) -> None:
        self.kafka = kafka
        self.mongod = mongod

    @classmethod
    def local(
        cls,
        root: Path,
        *,
        kafka_port: int | None = None,
        mongo_port: int | None = None,
        jars: Path = JARS,
        bound: bool = True,
        cache_gigabytes: float = 1.0,
    ) -> Self:
        """Return engines, not started yet, with their data under `root`; no port: a free one.

        `cache_gigabytes` is MongoDB's.
        `bound` engines die with this process, however it ends; others go on in the background.
        """
        return cls(
            KafkaBroker(root / "kafka", kafka_port or free_port(), jars, bound=bound),
            Mongod(
                root / "mongod",
                mongo_port or free_port(),
                bound=bound,
                cache_gigabytes=cache_gigabytes,
            ),
        )

    @property
    def both(self) -> tuple[KafkaBroker, Mongod]:
        """The engines, one after the other."""
        return self.kafka, self.mongod

    def start(self, deadline: float = 60.0) -> None:
        """Start both and wait until both serve; if one cannot, stop the other and raise."""
        try:
            _together(lambda: self.kafka.start(deadline), lambda: self.mongod.start(deadline))
        except BaseException:
            self.stop()
            raise

    def stop(self, timeout: float = 30.0) -> None:
        """Stop both in order; what does not end within `timeout` seconds is killed."""
        _together(lambda: self.kafka.stop(timeout), lambda: self.mongod.stop(timeout))

    def environment(self) -> dict[str, str]:
        """Return the settings that point a process of ours at these engines."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap,
            "MONGODB_URI": self.mongod.uri,
        }

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()


def _together(*actions: Callable[[], None]) -> None:
    """Run `actions` at the same time; raise the first error when all have ended."""
    with ThreadPoolExecutor(len(actions)) as pool:
        running = [pool.submit(action) for action in actions]
    for action in running:
        action.result()

"""Recording what is due: the alerts of a batch and its checkpoint change in one transaction."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeAlias

import structlog

from domain.alerts import Alert, alert_of, calls_for_alert
from domain.errors import UndecodableEventError
from domain.events import ChangeEvent, decode
from domain.instants import from_milliseconds
from infra import crash_points
from infra.alerts import Alerts
from infra.checkpoints import Checkpoint, Checkpoints, after, moves_behind
from infra.kafka import Record
from infra.mongo import Document, Mongo, transaction
from infra.owners import Owners

log = structlog.get_logger()

CONSUMER: Final = "alerts"

Written: TypeAlias = tuple[ChangeEvent, datetime]


class RecordingStep:
    """Keeps every alert that `tickets.changes` makes due, once, however often it is read."""

    def __init__(
        self,
        mongo: Mongo,
        checkpoints: Checkpoints,
        alerts: Alerts,
        max_age: timedelta,
        recorded: Callable[[], None],
    ) -> None:
        """`recorded` is called when something waits to be sent."""
        self._checkpoints = checkpoints
        self._alerts = alerts
        self._max_age = max_age
        self._recorded = recorded
        self._owners = Owners(mongo)

    async def open(self, partitions: Iterable[int]) -> dict[int, Checkpoint]:
        """The checkpoints, with a predecessor's open transaction ended."""
        return await self._owners.open(self._checkpoints, partitions)

    async def taken(self, checkpoints: Mapping[int, Checkpoint]) -> set[int]:
        """Those that another session owns."""
        return await self._owners.taken(checkpoints)

    async def advance(
        self, slices: Mapping[int, Sequence[Record]], checkpoints: Mapping[int, Checkpoint]
    ) -> dict[int, Checkpoint]:
        """Record and commit."""
        written = list(_written(record for some in slices.values() for record in some))
        due = self._due(written)
        erased = {event.key: event.version for event, _ in written if event.type == "erased"}
        moves = moves_behind(slices, checkpoints)
        async with transaction(await self._owners.session()) as session:
            made = await self._alerts.record(due, session)
            await self._alerts.blank(erased, session)
            await self._checkpoints.advance(moves, session)
            crash_points.reached("alerts_before_commit")
        crash_points.reached("alerts_recorded")
        self._announce(made)
        return after(moves)

    def _due(self, written: Iterable[Written]) -> list[Alert]:
        urgent = [(event, moment) for event, moment in written if calls_for_alert(event)]
        found = [(event, alert_of(event, moment, self._max_age)) for event, moment in urgent]
        if silent := Counter(event.cause for event, alert in found if alert is None):
            log.info("alerts_not_due", causes=dict(silent))
        return [alert for _, alert in found if alert is not None]

    def _announce(self, made: Sequence[Document]) -> None:
        if made:
            states = Counter(document["state"] for document in made)
            log.info("alerts_recorded", states=dict(states))
            if states["pending"]:
                self._recorded()


def _written(records: Iterable[Record]) -> Iterator[Written]:
    """The change events, and when each was written: repeats of one have the same moment."""
    for record in records:
        try:
            event = decode(record.value)
        except UndecodableEventError:
            continue  # what nobody can read is the projector's dead letter
        if isinstance(event, ChangeEvent):
            yield event, from_milliseconds(record.timestamp)

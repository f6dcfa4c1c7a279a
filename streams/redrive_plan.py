"""What a redrive would change: letters judged by today's code, folded over their tickets' state."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from domain.cloudevents import RawRecord
from domain.dead_letters import Letter
from domain.errors import RejectedRecordError
from domain.events import Change
from domain.identity import partition_of, ticket_key
from domain.labels import Classifies
from domain.records import Deleted, Observed, Origin, RunEnded
from domain.ticket_state import TicketState
from domain.topics import RAW
from infra.kafka import Outgoing
from infra.letters import Letters, Selection
from infra.log_reader import LogReader
from infra.mongo import Document, Mongo
from streams.classifier import classified
from streams.redrive_effects import Effect, effect_of
from streams.resending import Hindrance, Obstacle, Resend, marked_resend, resend_of
from streams.state_store import StateStore

Outcome: TypeAlias = Effect | Literal["marker"] | Obstacle

_HOLDING: Final = ("refused", "held_back", "impossible")
_MOST_STATES: Final = 1000
_UNTOLD: Final = Origin(0, 0, 0)  # where the record will stand nobody knows before


class Planned(NamedTuple):
    """What a redrive makes of one letter: what it writes, and to which partition, if it does.

    `why` explains an obstacle; `changes` are the fields that a change event would show.
    """

    letter: Letter
    outcome: Outcome
    why: str = ""
    changes: tuple[Change, ...] = ()
    partition: int = 0
    record: Outgoing | None = None


class _Read(NamedTuple):
    """A letter, and the record that today's code makes of it, or what is in the way."""

    letter: Letter
    resend: Resend
    event: Observed | Deleted | RunEnded


class RedrivePlan:
    """Plans letters in their order; each sees what those before it would have changed.

    A letter behind one of its ticket that cannot be sent is held back, unless `skip` is set.
    """

    def __init__(
        self,
        mongo: Mongo,
        reader: LogReader,
        classifier: Classifies,
        selection: Selection,
        *,
        partitions: int,
        skip: bool = False,
    ) -> None:
        self._mongo = mongo
        self._store = StateStore(mongo)
        self._letters = Letters(mongo)
        self._reader = reader
        self._classifier = classifier
        self._selection = selection
        self._partitions = partitions
        self._skip = skip
        self._holders: dict[str, str] = {}
        self._states: dict[str, TicketState] = {}

    async def plan(self, letters: Iterable[Letter]) -> list[Planned]:
        """What becomes of each of the next letters; nothing is written."""
        read = [(letter, await self._read(letter)) for letter in letters]
        jobs = await self._learn([one for _, one in read if isinstance(one, _Read)])
        return [await self._judge(letter, one, jobs) for letter, one in read]

    async def _read(self, letter: Letter) -> _Read | Hindrance:
        resend = resend_of(letter)
        if isinstance(resend, Origin):
            resend = await self._raw(letter, resend)
        if isinstance(resend, Hindrance):
            return resend
        raw = RawRecord(_UNTOLD, resend.key, resend.value, resend.headers, resend.arrived)
        try:
            return _Read(letter, resend, classified(raw, self._classifier))
        except RejectedRecordError as error:
            return Hindrance("refused", error.reason)

    async def _raw(self, letter: Letter, origin: Origin) -> Resend | Hindrance:
        """The raw record that a classified one was made of, while `tickets.raw` has it."""
        partition, offset = origin.partition, origin.offset
        where = f"{RAW}/{partition}/{offset}"
        gone = Hindrance("impossible", f"{where}, of which it was made, is not kept any more")
        if not 0 <= partition < self._partitions:
            return gone
        start, end = (await self._reader.bounds(RAW, [partition]))[partition]
        if not start <= offset < end:
            return gone
        records, _ = await self._reader.read(RAW, partition, offset, offset + 1)
        if not records:
            return gone
        (raw,) = records
        return marked_resend(letter, raw.key, raw.value or b"", raw.headers, raw.partition)

    async def _learn(self, read: Sequence[_Read]) -> Mapping[str, Document]:
        """Load the states of tickets that are not known yet; return the runs that records name."""
        if len(self._states) > _MOST_STATES:
            self._states = dict([self._states.popitem()])  # the ticket that may go on
        events = [one.event for one in read if not isinstance(one.event, RunEnded)]
        keys = {event.key for event in events} - self._states.keys()
        async with await self._mongo.start_session() as session:
            self._states |= await self._store.states(keys, session)
            job_ids = {event.provenance.job_id for event in events} - {None}
            return await self._store.jobs({str(job_id) for job_id in job_ids}, session)

    async def _judge(
        self, letter: Letter, read: _Read | Hindrance, jobs: Mapping[str, Document]
    ) -> Planned:
        if isinstance(read, Hindrance):
            return self._hindered(letter, _ticket(letter), read)
        event = read.event
        if isinstance(event, RunEnded):
            # Its output partition is its own: the sync agent believes no other.
            partition = event.partition if read.resend.partition is None else read.resend.partition
            return Planned(letter, "marker", "", (), partition, _outgoing(read.resend))
        if held := await self._held(letter, event.key):
            return self._hindered(letter, event.key, held)
        effect, changes, self._states[event.key] = effect_of(
            event, self._states.get(event.key), jobs
        )
        partition = partition_of(event.key.encode(), self._partitions)
        return Planned(letter, effect, "", changes, partition, _outgoing(read.resend))

    async def _held(self, letter: Letter, key: str) -> Hindrance | None:
        """What is before the letter in its ticket and not sent."""
        if self._skip:
            return None
        if holder := self._holders.get(key):
            return Hindrance("held_back", f"{holder} comes before it and cannot be sent")
        if waiting := await self._letters.left_before(letter, self._selection):
            return Hindrance("held_back", f"{waiting} comes before it and was not asked for")
        return None

    def _hindered(self, letter: Letter, key: str | None, hindrance: Hindrance) -> Planned:
        if key is not None and hindrance.obstacle in _HOLDING:
            self._holders.setdefault(key, letter.id)
        return Planned(letter, hindrance.obstacle, hindrance.why)


def _ticket(letter: Letter) -> str | None:
    if letter.tenant_id is None or letter.external_id is None:
        return None
    return ticket_key(letter.tenant_id, letter.external_id)


def _outgoing(resend: Resend) -> Outgoing:
    return Outgoing(resend.key, resend.value, resend.headers)

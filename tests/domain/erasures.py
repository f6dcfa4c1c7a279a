"""A store in memory, as projectors keep one, and lives of tickets that are erased on the way."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from hypothesis import strategies as st

from domain.changes import decide
from domain.digests import DIGEST, DigestChanges, document_digest
from domain.erasure import erase, erasure
from domain.events import ChangeEvent
from domain.labels import Labels, Match
from domain.read_models import TICKET_HISTORY, TICKETS, Applied, Document, TicketsFold
from domain.records import Deleted, Erased, Observed
from domain.roll_up_documents import delta_document
from domain.ticket_state import TicketState
from tests.domain.strategies import at, deleted, observed

NEEDLES = ("needlesubject", "needlemessage", "needlecustomer", "needleevidence")
Record = Observed | Deleted | Erased


@dataclass
class Stored:
    """The documents that batches of events leave, and the digests that are kept of them."""

    tickets: dict[str, Document] = field(default_factory=dict)
    history: dict[str, Document] = field(default_factory=dict)
    deltas: list[Document] = field(default_factory=list)
    digests: dict[str, list[int]] = field(default_factory=dict)

    def apply(self, batch: Sequence[ChangeEvent]) -> TicketsFold:
        """Fold a batch over what is stored, as `projections.ticket_models` does."""
        applied = {k: Applied(d["version"], d[DIGEST]) for k, d in self.tickets.items()}
        fold = TicketsFold(applied, set(), stored=dict(self.tickets))
        for event in batch:
            fold.apply(event, 0)
        fold.blank_batch()
        for blanked in fold.blank_stored(list(self.history.values())):
            self.history[blanked.id] = {**self.history[blanked.id], "changes": blanked.changes}
        self.tickets |= {k: {**d, DIGEST: fold.applied[k].digest} for k, d in fold.tickets.items()}
        self.history |= {entry["_id"]: entry for entry in fold.history}
        self.deltas += [delta_document(delta) for delta in fold.roll_ups.deltas()]
        self._add(fold.digests)
        return fold

    def _add(self, changes: DigestChanges) -> None:
        for share, digest in changes.items():
            kept = self.digests.setdefault(share.model, [0, 0])
            kept[0] += digest.documents
            kept[1] = (kept[1] + digest.total) % (1 << 256)

    def recomputed(self) -> dict[str, list[int]]:
        """The digests of what is stored."""
        models = ((TICKETS, self.tickets), (TICKET_HISTORY, self.history))
        return {
            model: [
                len(documents),
                sum(int.from_bytes(document_digest(model, d)) for d in documents.values())
                % (1 << 256),
            ]
            for model, documents in models
            if documents
        }


def stored(log: Iterable[ChangeEvent], sizes: Iterable[int] = ()) -> Stored:
    """What a log leaves, in batches of these sizes, and then of one event."""
    rest, found = list(log), Stored()
    for size in (*sizes, *(1 for _ in range(len(rest)))):
        batch, rest = rest[:size], rest[size:]
        if batch:
            found.apply(batch)
    return found


def fold(records: Iterable[Record]) -> tuple[TicketState, list[ChangeEvent]]:
    """The state after records of one ticket, and the events that they add."""
    state = TicketState(tenant_id="acme", external_id="T-1")
    log: list[ChangeEvent] = []
    for record in records:
        decision = erase(state, record) if isinstance(record, Erased) else decide(state, record)
        state = decision.state
        log += [decision.event] if decision.event else []
    return state, log


@st.composite
def erased_lives(draw: st.DrawFn, *, lifts: bool = True) -> list[Record]:
    """Records of one ticket full of needles, and among them erasures, some of them lifted."""
    records: list[Record] = []
    for step in range(draw(st.integers(2, 14))):
        kinds = ["observed"] * 5 + ["deleted", "erased", "erased"] + (["lifted"] if lifts else [])
        kind = draw(st.sampled_from(kinds))
        if kind == "deleted":
            records.append(deleted(step))
        elif kind in ("erased", "lifted"):
            records.append(erasure(("acme", "T-1"), f"r-{step}", at(step), lifted=kind == "lifted"))
        else:
            number = draw(st.integers(0, 3))
            records.append(
                observed(
                    step,
                    event_id=f"e-{step}",
                    subject=f"needlesubject {number}",
                    message=f"needlemessage {draw(st.integers(0, 3))}",
                    customer_id=draw(st.sampled_from([f"needlecustomer-{number}", None])),
                    status=draw(st.sampled_from(["open", "closed"])),
                    labels=_labels(number),
                )
            )
    return records


def _labels(number: int) -> Labels:
    evidence = (Match("outage", f"needleevidence {number}"),)
    return Labels("high", "negative", True, evidence, 2)

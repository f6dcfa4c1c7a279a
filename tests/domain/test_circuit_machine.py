"""The circuit breaker under several processes at once, against a naive model of its rules."""

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
)

from domain.circuit import (
    Admission,
    CircuitRules,
    CircuitState,
    Closed,
    admit,
    release,
    report,
    reset,
    status,
)
from tests.domain.strategies import at

RULES = CircuitRules(failures=3, window=5, open_seconds=30, probe_seconds=20)


@dataclass
class Model:
    """What the rules say, kept as a history that nothing is ever cut from."""

    spell: int = 0  # how often the phase changed: calls of an earlier spell count no more
    phase: str = "closed"
    history: list[bool] = field(default_factory=list)
    opened_at: float = 0.0
    probe: str | None = None
    probe_ends: float = 0.0
    begun: dict[str, int] = field(default_factory=dict)  # call -> the spell it began in

    @property
    def failures(self) -> int:
        return self.history[-RULES.window :].count(False)

    def become(self, phase: str) -> None:
        self.spell += 1
        self.phase = phase
        self.probe = None

    def may_go(self, call_id: str, now: float) -> bool:
        if self.phase == "open" and now >= self.opened_at + RULES.open_seconds:
            self.become("half_open")
        goes = self.phase == "closed" or (
            self.phase == "half_open" and (self.probe is None or now >= self.probe_ends)
        )
        if goes:
            self.begun[call_id] = self.spell
            if self.phase == "half_open":
                self.probe, self.probe_ends = call_id, now + RULES.probe_seconds
        return goes

    def ended(self, call_id: str, succeeded: bool, now: float) -> None:
        if self.begun[call_id] != self.spell:
            return
        if self.phase == "closed":
            self.history.append(succeeded)
            if self.failures >= RULES.failures:
                self.opened_at = now
                self.become("open")
        elif self.probe == call_id and succeeded:
            self.history.clear()
            self.become("closed")
        elif self.probe == call_id:
            self.history.append(False)
            self.opened_at = now
            self.become("open")

    def given_back(self, call_id: str) -> None:
        if self.probe == call_id:
            self.probe = None


class CircuitMachine(RuleBasedStateMachine):
    """Processes ask, call, report, give back, die and reset in any order; the clock moves on."""

    calls: Bundle[Admission] = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.state: CircuitState = Closed()
        self.model = Model()
        self.now = 0.0
        self.asked = 0

    @rule(target=calls, processes=st.sampled_from([1, 1, 3, 6]))
    def ask(self, processes: int) -> MultipleResults[Admission]:
        """So many processes ask at the same time."""
        return multiple(*(leave for _ in range(processes) for leave in self._ask()))

    @rule()
    def fail_for_a_while(self) -> None:
        """Calls fail one after the other, as in an outage: otherwise it would open too rarely."""
        for _ in range(RULES.failures):
            for leave in self._ask():
                self._hear(leave, False)

    @rule(call=consumes(calls), succeeded=st.booleans())
    def hear(self, call: Admission, succeeded: bool) -> None:
        self._hear(call, succeeded)

    @rule(call=calls, succeeded=st.booleans())
    def hear_and_perhaps_again(self, call: Admission, succeeded: bool) -> None:
        self._hear(call, succeeded)

    @rule(call=calls)
    def give_back(self, call: Admission) -> None:
        self.state = release(self.state, call)
        self.model.given_back(call.call_id)

    @rule(call=consumes(calls))
    def die(self, call: Admission) -> None:
        """Nobody hears of the call again."""

    @rule(seconds=st.sampled_from([0.5, 5.0, 10.0, 20.0, 29.5, 30.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def reset(self) -> None:
        self.state = reset(self.state)
        self.model.history.clear()
        self.model.become("closed")

    @invariant()
    def the_phase_is_that_of_the_model(self) -> None:
        shown = status(self.state, RULES, at(self.now))
        is_over = self.now >= self.model.opened_at + RULES.open_seconds
        phase = "half_open" if self.model.phase == "open" and is_over else self.model.phase

        assert (shown.phase, shown.failures) == (phase, self.model.failures)
        assert self.state.era == self.model.spell

    @invariant()
    def the_window_stays_small(self) -> None:
        assert len(self.state.outcomes) <= RULES.window
        assert self.state.outcomes[:1] != (True,)

    @invariant()
    def it_is_never_wedged(self) -> None:
        patience = RULES.open_seconds + RULES.probe_seconds

        assert isinstance(admit(self.state, RULES, at(self.now + patience), "?")[1], Admission)

    def _ask(self) -> list[Admission]:
        self.asked += 1
        call_id = f"call-{self.asked}"
        before = self.state
        self.state, answer = admit(before, RULES, at(self.now), call_id)
        goes = self.model.may_go(call_id, self.now)
        assert isinstance(answer, Admission) == goes
        if isinstance(answer, Admission):
            return [answer]
        assert answer > 0
        assert self.state is before
        return []

    def _hear(self, call: Admission, succeeded: bool) -> None:
        self.state = report(self.state, RULES, call, succeeded, at(self.now))
        self.model.ended(call.call_id, succeeded, self.now)


TestCircuit = CircuitMachine.TestCase
TestCircuit.settings = settings(max_examples=max(400, settings().max_examples))

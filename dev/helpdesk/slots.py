"""Values for the {slots} of a phrase, drawn when first asked for and kept for the whole letter."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta

from dev.helpdesk.phrases import Phrases, TenantProfile, vocabulary


class Slots(dict[str, str]):
    """Slot values of one letter: the order named in the subject is the order in the message."""

    def __init__(
        self, rng: random.Random, words: Phrases, tenant: TenantProfile, written_at: datetime
    ) -> None:
        super().__init__()
        self.rng = rng
        self.words = words
        self.tenant = tenant
        self.written_at = written_at

    def __missing__(self, slot: str) -> str:
        """Draw the value of `slot`; KeyError if no such slot exists."""
        value = self[slot] = _DRAWS[slot](self)
        return value

    def fill(self, phrase: str) -> str:
        """Return `phrase` with its slots filled."""
        return phrase.format_map(self)

    def earlier(self, days: int) -> datetime:
        """Return a moment at most `days` days before the letter was written."""
        return self.written_at - timedelta(hours=self.rng.randint(20, 24 * days))


def _number(low: int, high: int, pattern: str = "{}") -> Callable[[Slots], str]:
    return lambda slots: pattern.format(slots.rng.randint(low, high))


def _word(words: list[str]) -> Callable[[Slots], str]:
    return lambda slots: slots.rng.choice(words)


def _amount(slots: Slots) -> str:
    amount = slots.rng.choice((9, 19, 29, 49, 79, 99, 120, 149, 249, 480, 1250))
    cents = slots.rng.choice(("00", "00", "90", "95", "99", "50"))
    return slots.rng.choice(("${}.{}", "€{}.{}", "{}.{} EUR", "£{}.{}")).format(amount, cents)


def _date(slots: Slots) -> str:
    moment = slots.earlier(days=12)
    month = slots.words.months[moment.month - 1]
    return slots.words.date_format.format(day=moment.day, month=month)


def _time(slots: Slots) -> str:
    earlier = slots.written_at - timedelta(minutes=slots.rng.randint(15, 180))
    return f"{earlier:%H:%M}"


def _reference(slots: Slots) -> str:
    letters = "".join(slots.rng.choices("ABCDEFGHKLMNPRSTUWXYZ", k=2))
    return f"{letters}{slots.rng.randint(100_000, 999_999)}"


def _draws() -> dict[str, Callable[[Slots], str]]:
    common = vocabulary()
    trades = {trade.name: trade for trade in common.trade}
    return {
        "account": _number(10_000, 99_999, "A-{}"),
        "address": lambda slots: f"{slots.rng.choice(common.mailboxes)}@example.com",
        "amount": _amount,
        "browser": _word(common.browsers),
        "count": _number(2, 9),
        "country": _word(common.countries),
        "damage": _number(2, 48, "{},500 EUR"),
        "date": _date,
        "device": _word(common.devices),
        "error": _word(common.errors),
        "feature": lambda slots: slots.rng.choice(trades[slots.tenant.trade].features),
        "integration": lambda slots: slots.rng.choice(trades[slots.tenant.trade].integrations),
        "invoice": _number(2_000, 9_999, "INV-{}"),
        "item": lambda slots: slots.rng.choice(trades[slots.tenant.trade].items),
        "minutes": _number(11, 48),
        "name": _word(common.names),
        "order": _number(30_000, 99_999, "#{}"),
        "phone": _word(["iPhone", "Android", "iPad"]),
        "plan": _word(common.plans),
        "product": lambda slots: slots.rng.choice(slots.tenant.products),
        "reference": _reference,
        "team": lambda slots: slots.rng.choice(slots.words.teams),
        "time": _time,
        "version": _word(common.versions),
        "weekday": lambda slots: slots.rng.choice(slots.words.weekdays),
    }


_DRAWS = _draws()

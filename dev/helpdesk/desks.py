"""The desks of the sample's tenants: who writes to them, about what, and what becomes of it."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate

from dev.helpdesk.phrases import Language, Story, phrases, vocabulary

LANGUAGES: tuple[Language, ...] = ("en", "de", "fr", "es")
_LANGUAGE_SHARES = (94, 3, 1.5, 1.5)
_ID_PREFIXES = ("LF-", "", "req_", "T")
_ZIPF = 0.9
_TROUBLED = 0.03
_INVENTED = ("waiting_on_customer", "on_hold", "escalated")


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody who writes to a tenant; a troubled one writes of worse things, and waits longer."""

    customer_id: str
    troubled: bool


class Desk:
    """One tenant's desk: draws customers, stories and statuses."""

    def __init__(self, tenant: str, index: int, tickets: int, rng: random.Random) -> None:
        profiles = vocabulary().tenant
        self.tenant = tenant
        self.profile = profiles[index % len(profiles)]
        self.id_prefix = _ID_PREFIXES[index % len(_ID_PREFIXES)]
        numbers = rng.sample(range(1_000, 99_999), min(90_000, max(4, tickets // 6)))
        self._customers = [Customer(f"C-{number}", rng.random() < _TROUBLED) for number in numbers]
        zipf = (1 / (rank + 8) ** _ZIPF for rank in range(len(numbers)))
        self._customer_weights = list(accumulate(zipf))
        self._stories = {
            (language, troubled): self._weighted_stories(language, troubled)
            for language in LANGUAGES
            for troubled in (False, True)
        }

    def draw_customer(self, rng: random.Random) -> Customer:
        """Return a customer; few write often, many write once."""
        return rng.choices(self._customers, cum_weights=self._customer_weights)[0]

    def draw_story(self, rng: random.Random, language: Language, customer: Customer) -> Story:
        """Return what `customer` writes about."""
        stories, weights = self._stories[language, customer.troubled]
        return rng.choices(stories, cum_weights=weights)[0]

    def _weighted_stories(
        self, language: Language, troubled: bool
    ) -> tuple[list[Story], list[float]]:
        trades = (None, self.profile.trade)
        stories = [story for story in phrases(language).story if story.trade in trades]
        weights = (story.weight * (3 if troubled and story.urgent else 1) for story in stories)
        return stories, list(accumulate(weights))


def open_desks(rng: random.Random, tenants: Sequence[str], tickets: int) -> list[Desk]:
    """Return a desk per tenant, for `tickets` tickets in all."""
    profiles = vocabulary().tenant
    shares = [profiles[index % len(profiles)].share for index in range(len(tenants))]
    return [
        Desk(tenant, index, tickets * shares[index] // sum(shares), rng)
        for index, tenant in enumerate(tenants)
    ]


def draw_language(rng: random.Random) -> Language:
    """Return the language a customer writes in."""
    return rng.choices(LANGUAGES, _LANGUAGE_SHARES)[0]


def draw_status(rng: random.Random, customer: Customer, age: timedelta) -> str:
    """Return a status; the older a ticket, the likelier it is done."""
    patience = 14.0 if customer.troubled else 3.5  # days
    done = 1 - 0.5 ** (age / timedelta(days=patience))
    if rng.random() < done * 0.94:
        return "closed" if rng.random() < done * 0.7 else "resolved"
    chance = rng.random()
    if chance < 0.62:
        return "open"
    return "pending" if chance < 0.88 else rng.choice(_INVENTED)

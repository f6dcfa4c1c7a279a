"""The phrases tickets are made of, read from the TOML files beside this module."""

from functools import cache
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

Language = Literal["en", "de", "fr", "es"]
Trade = Literal["software", "shop"]
T = TypeVar("T")

_HERE = Path(__file__).parent


class Story(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of request; a letter is a subject and its first sentence.

    Any letter, detail and closing request of one story go together.
    """

    topic: str
    weight: float
    letters: list[tuple[str, str]]
    details: list[str]
    asks: list[str]
    urgent: bool = False
    technical: bool = False
    brief: bool = False
    trade: Trade | None = None


class Phrases(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything customers write in one language."""

    greetings: list[str]
    farewells: list[str]
    signatures: list[str]
    teams: list[str]
    months: list[str]
    weekdays: list[str]
    date_format: str
    phone_openings: list[str]
    particulars: list[str]
    technical_particulars: list[str]
    paragraphs: list[str]
    shop_paragraphs: list[str]
    log_lines: list[str]
    log_heading: str
    quoted: list[str]
    story: list[Story]


class TradeWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a software house or a shop is asked about."""

    name: Trade
    features: list[str]
    integrations: list[str]
    items: list[str]


class TenantProfile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tenant of the sample; `share` is its part of a hundred tickets."""

    name: str
    trade: Trade
    share: int
    products: list[str]


class Vocabulary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Words of no language in particular."""

    names: list[str]
    browsers: list[str]
    devices: list[str]
    plans: list[str]
    errors: list[str]
    versions: list[str]
    countries: list[str]
    mailboxes: list[str]
    trade: list[TradeWords]
    tenant: list[TenantProfile]

    def words_of(self, trade: Trade) -> TradeWords:
        """Return the words of `trade`."""
        return next(words for words in self.trade if words.name == trade)


@cache
def phrases(language: Language) -> Phrases:
    """Return what customers write in `language`."""
    return _read(f"phrases_{language}.toml", Phrases)


@cache
def vocabulary() -> Vocabulary:
    """Return the words all languages share."""
    return _read("vocabulary.toml", Vocabulary)


def _read(name: str, shape: type[T]) -> T:
    return msgspec.toml.decode((_HERE / name).read_bytes(), type=shape)

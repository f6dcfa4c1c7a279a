"""Which language a ticket is written in, told by its commonest words."""

from collections.abc import Iterable
from itertools import islice
from typing import Final

from domain.ruleset import Language
from domain.words import words_of

# No word of one list is a word of another language here; greetings say nothing of what follows.
_COMMON: Final[dict[Language, str]] = {
    "en": "the and is are was were been we you your our my have has it this that with for i to "
    "of from they their would when there which what how please",
    "de": "der das und ist sind nicht ich wir sie ein eine einen mit für auf zu von bei haben "
    "habe wird mein meine unser unsere seit den dem im zum zur auch nur noch wie es bitte",
    "fr": "le les et est une des nous vous je mon ma notre nos pour dans avec pas sur du au ce "
    "il elle depuis votre ne sont ai avez toute",
    "es": "el los las y una para con por mi nuestro nuestra está están del al lo su pero desde "
    "han muy hemos mis como qué cómo quiero nos",
}
_LANGUAGE_OF: Final[dict[str, Language]] = {
    word: language for language, words in _COMMON.items() for word in words_of(words)
} | dict.fromkeys(("c'", "d'", "j'", "l'", "n'", "qu'"), "fr")
_LOOKED_AT: Final = 80  # words
_FEWEST: Final = 2  # common words that tell


def language_of(words: Iterable[str]) -> Language | None:
    """Return the language of folded words, None where they do not tell."""
    met = list(map(_LANGUAGE_OF.get, islice(words, _LOOKED_AT)))
    counts = sorted((met.count(language), language) for language in _COMMON)
    (rival, _), (often, best) = counts[-2:]
    return best if often >= _FEWEST and often > 2 * rival else None

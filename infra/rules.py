"""The classification rules that ship with Deskstream, compiled once per process."""

from collections import OrderedDict
from functools import cache
from hashlib import blake2b
from importlib.resources import files

from domain.classification import Classifier
from domain.labels import Classifies, Labels
from domain.ruleset import parse_ruleset

_DIGEST_BYTES = 16


@cache
def default_classifier() -> Classifier:
    """Return the classifier of the ruleset in `domain/rules/classification.json`.

    Raises:
        RulesetError: the file breaks the contract of a ruleset.

    """
    return Classifier(parse_ruleset(shipped_rules()))


def shipped_rules() -> bytes:
    """Return the ruleset file as it ships."""
    return files("domain").joinpath("rules", "classification.json").read_bytes()


class RememberingClassifier:
    """Labels a text that it labelled lately without reading it again.

    A crawl shows mostly what the last one showed.  It keeps a digest of 16 bytes and the labels
    of the last `capacity` different texts, about 1 KB each.
    """

    def __init__(self, classifier: Classifies, capacity: int = 20_000) -> None:
        self._classifier = classifier
        self._capacity = capacity
        self._labels: OrderedDict[bytes, Labels] = OrderedDict()

    def classify(self, subject: str, message: str) -> Labels:
        """The labels that the classifier gives."""
        text = f"{len(subject)}:{subject}{message}".encode(errors="surrogatepass")
        digest = blake2b(text, digest_size=_DIGEST_BYTES).digest()
        if (known := self._labels.get(digest)) is not None:
            self._labels.move_to_end(digest)
            return known
        labels = self._classifier.classify(subject, message)
        self._labels[digest] = labels
        if len(self._labels) > self._capacity:
            self._labels.popitem(last=False)
        return labels

    def __len__(self) -> int:
        return len(self._labels)

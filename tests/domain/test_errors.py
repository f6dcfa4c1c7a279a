"""Errors keep the values that a log line needs, and say one sentence."""

import re

import pytest

from domain import errors
from domain.errors import (
    CircuitNotFoundError,
    DependencyDownError,
    DeskstreamError,
    FenceError,
    HelpdeskError,
    IdempotencyKeyReusedError,
    JobNotFoundError,
    LeaseLostError,
    LetterNotFoundError,
    LogMismatchError,
    NewerEventError,
    PartOfRunError,
    RejectedRecordError,
    RunEndedError,
    TenantBusyError,
    TenantNotFoundError,
    TicketNotFoundError,
    UndecodableEventError,
    VersionGapError,
)

SAID = [
    (RejectedRecordError("id: missing"), "id: missing"),
    (UndecodableEventError("no JSON"), "no JSON"),
    (
        NewerEventError(3, 1),
        "an event has schema_version 3, this release reads up to 1: upgrade it",
    ),
    (VersionGapError("a:1", 2, 3), "ticket a:1: expected version 2, received 3"),
    (LogMismatchError("t", 3, "cut"), "t[3]: cut"),
    (FenceError("c:1"), "checkpoint c:1 was moved by another process"),
    (LeaseLostError("j"), "run j was taken over or has ended"),
    (LeaseLostError("j", "was cancelled"), "run j was cancelled"),
    (TenantBusyError("a", "j"), "a run of a is on: job j"),
    (TenantBusyError("a", None), "a run of a is on: job unknown"),
    (JobNotFoundError("j"), "no run has the id j"),
    (RunEndedError("j", "applying"), "run j cannot be stopped any more: it is applying"),
    (PartOfRunError("j", "p"), "run j is part of run p: stop that one"),
    (IdempotencyKeyReusedError("k"), "this Idempotency-Key was used with other parameters"),
    (TicketNotFoundError("a", "1"), "tenant a has no live ticket 1"),
    (TenantNotFoundError("a"), "no ticket of tenant a was ever seen"),
    (CircuitNotFoundError("c"), "there is no circuit c"),
    (LetterNotFoundError("ab", 0), "no dead letter has an id that begins with ab"),
    (HelpdeskError("timed out", retryable=True), "timed out"),
    (DependencyDownError("MongoDB"), "MongoDB cannot be reached"),
]


@pytest.mark.parametrize(("error", "sentence"), SAID)
def test_an_error_says_one_sentence_and_keeps_its_values(
    error: DeskstreamError, sentence: str
) -> None:
    assert str(error) == sentence
    assert vars(error)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = re.findall(r"── (\w+)", errors.__doc__ or "")
    defined = [
        kind.__name__
        for kind in DeskstreamError.__subclasses__()
        if kind.__module__ == errors.__name__
    ]

    assert drawn == defined
    assert set(drawn) == {type(error).__name__ for error, _ in SAID}

"""Why a rebuild does not go on: each is one sentence for the operator."""

from collections.abc import Sequence

from domain.errors import DeskstreamError


class LogIncompleteError(DeskstreamError):
    """The log does not hold all that was ever written to it."""

    def __init__(self, topic: str, partition: int, reason: str) -> None:
        super().__init__(f"{topic}[{partition}] is not complete: {reason}")
        self.topic = topic
        self.partition = partition
        self.reason = reason


class NothingToRebuildError(DeskstreamError):
    """No projector ever worked here, so there is nothing to compare with and to replace."""

    def __init__(self, consumer: str) -> None:
        super().__init__(f"no projector has kept {consumer} yet: start `deskstream projector`")


class RebuildOnError(DeskstreamError):
    """Another process is at it."""

    def __init__(self, consumer: str, owner: str) -> None:
        super().__init__(f"{owner} is rebuilding {consumer} now")


class RebuildDiffersError(DeskstreamError):
    """An interrupted rebuild of another extent must be resumed or cancelled first."""

    def __init__(self, consumer: str, extent: str) -> None:
        super().__init__(
            f"an interrupted rebuild of {consumer} for {extent} is there: resume it by the same"
            " command, or remove it by `deskstream rebuild --cancel`"
        )


class RebuildGoneError(DeskstreamError):
    """The rebuild was cancelled, or another process took it over."""

    def __init__(self, consumer: str) -> None:
        super().__init__(f"the rebuild of {consumer} was cancelled or taken over")


class DigestsDifferError(DeskstreamError):
    """What was built from the log is not what is live; nothing was swapped."""

    def __init__(self, shares: Sequence[tuple[str, str]]) -> None:
        named = ", ".join(f"{model} of {tenant}" for tenant, model in shares[:10])
        more = f" and {len(shares) - 10} more" if len(shares) > 10 else ""
        super().__init__(
            f"the rebuilt read models differ from the live ones in {named}{more}: nothing was"
            " swapped; to put them in place all the same, run again with --accept-differences"
        )
        self.shares = shares


class NothingKeptError(DeskstreamError):
    """There is no earlier generation to return to."""

    def __init__(self, consumer: str) -> None:
        super().__init__(f"no earlier generation of {consumer} is kept")


class VerificationBrokenError(DeskstreamError):
    """A process that verified could not go on."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the verification was broken off: {reason}")
        self.reason = reason


class ShadowUnsoundError(DeskstreamError):
    """The rebuilt read models are not what an independent fold of the log says."""

    def __init__(self, consumer: str, differing: int, unchecked: Sequence[str]) -> None:
        said = "; ".join([*([f"{differing} documents differ"] if differing else []), *unchecked])
        super().__init__(
            f"the rebuilt {consumer} does not agree with an independent fold of the log: {said};"
            " nothing was swapped"
        )

"""Errors this project raises on purpose.  Each keeps the values a log line needs.

DeskstreamError
├── RejectedRecordError     a record that no contract explains: it goes to dead letters
├── UndecodableEventError   bytes on a topic of ours that today's code cannot read
├── NewerEventError         an event of a later release: nobody may pass it over
├── VersionGapError         a change event arrived before the one it follows
├── LogMismatchError        a partition and its checkpoint disagree: records are missing
├── FenceError              somebody else moved the checkpoint on
├── LeaseLostError          the run is no longer ours
├── TenantBusyError         a run of this tenant is on
├── JobNotFoundError        no such run
├── RunEndedError           the run's outcome is fixed: nothing can stop it any more
├── PartOfRunError          a run of all tenants fetches for this one
├── IdempotencyKeyReusedError  the key stands for another request
├── TicketNotFoundError     no such ticket, or not live
├── TenantNotFoundError     no ticket of this tenant was ever seen
├── CircuitNotFoundError    no circuit breaker has this name
├── LetterNotFoundError     no dead letter, or more than one, is meant
├── HelpdeskError           the helpdesk gave no usable answer
└── DependencyDownError     MongoDB or Kafka cannot be reached
"""


class DeskstreamError(Exception):
    """The root of every error raised on purpose."""


class RejectedRecordError(DeskstreamError):
    """A record that no contract explains."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UndecodableEventError(DeskstreamError):
    """Bytes on a topic of ours that today's code cannot read."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NewerEventError(DeskstreamError):
    """A later release wrote this event: nobody of this one may pass it over."""

    def __init__(self, version: int, known: int) -> None:
        super().__init__(
            f"an event has schema_version {version}, this release reads up to {known}: upgrade it"
        )
        self.version = version
        self.known = known


class VersionGapError(DeskstreamError):
    """A change event arrived before the one it follows."""

    def __init__(self, key: str, expected: int, received: int) -> None:
        super().__init__(f"ticket {key}: expected version {expected}, received {received}")
        self.key = key
        self.expected = expected
        self.received = received


class LogMismatchError(DeskstreamError):
    """A partition does not hold the records that its checkpoint counts on."""

    def __init__(self, topic: str, partition: int, reason: str) -> None:
        super().__init__(f"{topic}[{partition}]: {reason}")
        self.topic = topic
        self.partition = partition
        self.reason = reason


class FenceError(DeskstreamError):
    """Somebody else moved the checkpoint on: reload, and go on from there."""

    def __init__(self, checkpoint: str) -> None:
        super().__init__(f"checkpoint {checkpoint} was moved by another process")
        self.checkpoint = checkpoint


class LeaseLostError(DeskstreamError):
    """The run is no longer ours: it was taken over, cancelled or ended."""

    def __init__(self, job_id: str, reason: str = "was taken over or has ended") -> None:
        super().__init__(f"run {job_id} {reason}")
        self.job_id = job_id


class TenantBusyError(DeskstreamError):
    """A run of this tenant is on."""

    def __init__(self, tenant_id: str, job_id: str | None) -> None:
        super().__init__(f"a run of {tenant_id} is on: job {job_id or 'unknown'}")
        self.tenant_id = tenant_id
        self.job_id = job_id


class JobNotFoundError(DeskstreamError):
    """No run has this id."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"no run has the id {job_id}")
        self.job_id = job_id


class RunEndedError(DeskstreamError):
    """The outcome of the run is fixed: it has ended, or waits for what it wrote to be applied."""

    def __init__(self, job_id: str, phase: str) -> None:
        super().__init__(f"run {job_id} cannot be stopped any more: it is {phase}")
        self.job_id = job_id
        self.phase = phase


class PartOfRunError(DeskstreamError):
    """A run of all tenants fetches for this one, and cannot stop for it alone."""

    def __init__(self, job_id: str, parent_id: str) -> None:
        super().__init__(f"run {job_id} is part of run {parent_id}: stop that one")
        self.job_id = job_id
        self.parent_id = parent_id


class IdempotencyKeyReusedError(DeskstreamError):
    """The idempotency key stands for a request with other parameters."""

    def __init__(self, key: str) -> None:
        super().__init__("this Idempotency-Key was used with other parameters")
        self.key = key


class TicketNotFoundError(DeskstreamError):
    """The tenant has no such ticket, or it was deleted."""

    def __init__(self, tenant_id: str, external_id: str) -> None:
        super().__init__(f"tenant {tenant_id} has no live ticket {external_id}")
        self.tenant_id = tenant_id
        self.external_id = external_id


class TenantNotFoundError(DeskstreamError):
    """No ticket of this tenant was ever seen."""

    def __init__(self, tenant_id: str) -> None:
        super().__init__(f"no ticket of tenant {tenant_id} was ever seen")
        self.tenant_id = tenant_id


class CircuitNotFoundError(DeskstreamError):
    """No circuit breaker has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no circuit {name}")
        self.name = name


class LetterNotFoundError(DeskstreamError):
    """No dead letter's id begins so, or `found` do."""

    def __init__(self, prefix: str, found: int) -> None:
        many = "several dead letters have ids" if found else "no dead letter has an id"
        super().__init__(f"{many} that begin{'' if found else 's'} with {prefix}")
        self.prefix = prefix
        self.found = found


class HelpdeskError(DeskstreamError):
    """The helpdesk gave no usable answer.  `retryable` tells whether asking again may help."""

    def __init__(self, reason: str, *, retryable: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retryable = retryable


class DependencyDownError(DeskstreamError):
    """MongoDB or Kafka cannot be reached."""

    def __init__(self, dependency: str) -> None:
        super().__init__(f"{dependency} cannot be reached")
        self.dependency = dependency

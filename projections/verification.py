"""Verification: the log folded naively, compared with the read models, while both move on."""

from typing import Protocol

from projections.differences import Report
from projections.model_verification import ModelVerification
from projections.subjects import MODELS, Subject, live_subject
from projections.verification_task import Progress, Sources, Task, Watch


class Verifier(Protocol):
    """Whatever compares the read models of a subject with the log."""

    async def __call__(
        self, sources: Sources, subject: Subject, *, tenant: str | None, watch: Watch
    ) -> Report:
        """The same as `verify`."""


async def verify(
    sources: Sources,
    subject: Subject,
    *,
    tenant: str | None = None,
    watch: Watch,
    only: frozenset[int] | None = None,
) -> Report:
    """Compare the read models of `subject`, or what `tenant` has in them, with the log.

    `only` names the partitions whose tickets are compared.

    Raises:
        PyMongoError: MongoDB cannot be used.
        KafkaError, DependencyDownError: Kafka cannot be used.
    """
    report, progress = Report(), Progress()
    for model in MODELS:
        if model.topic in subject.checkpoints:
            task = Task(sources, subject, model, tenant, report, progress, watch, only)
            await ModelVerification(task).run()
    return report


async def verify_live(
    sources: Sources, *, tenant: str | None, watch: Watch, by: Verifier = verify
) -> Report:
    """Verify what readers see now."""
    subject = await live_subject(sources.mongo)
    report = await by(sources, subject, tenant=tenant, watch=watch)
    if (await live_subject(sources.mongo)).names != subject.names:
        report.unchecked.append("another generation became the active one meanwhile: run it again")
    return report

"""Verification: the log folded naively, compared with the read models, while both move on."""

from typing import Protocol

from domain.read_models import ROLL_UPS
from projections.differences import Report
from projections.model_verification import ModelVerification
from projections.roll_up_verification import RollUpVerification
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
    if only is None:
        await verify_sums(sources, subject, report, tenant=tenant, watch=watch)
    return report


async def verify_sums(
    sources: Sources, subject: Subject, report: Report, *, tenant: str | None, watch: Watch
) -> None:
    """Compare the roll-ups with the tickets; of tickets that are wrong the sums say nothing."""
    roll_ups = subject.names.get(ROLL_UPS)
    if roll_ups is not None and not report.differing:
        task = Task(sources, subject, MODELS[0], tenant, report, Progress(), watch)
        await RollUpVerification(task, roll_ups).run()


async def verify_live(
    sources: Sources, *, tenant: str | None, watch: Watch, by: Verifier = verify
) -> Report:
    """Verify what readers see now."""
    subject = await live_subject(sources.mongo)
    report = await by(sources, subject, tenant=tenant, watch=watch)
    if (await live_subject(sources.mongo)).names != subject.names:
        report.unchecked.append("another generation became the active one meanwhile: run it again")
    return report

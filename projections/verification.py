"""Verification: the log folded naively, compared with the read models, while both move on."""

from projections.differences import Report
from projections.model_verification import ModelVerification
from projections.subjects import MODELS, Subject, live_subject
from projections.verification_task import Progress, Sources, Task, Watch


async def verify_live(sources: Sources, *, tenant: str | None, watch: Watch) -> Report:
    """Verify what readers see now, as `verify` does."""
    subject = await live_subject(sources.mongo)
    report = await verify(sources, subject, tenant=tenant, watch=watch)
    if (await live_subject(sources.mongo)).names != subject.names:
        report.unchecked.append("another generation became the active one meanwhile: run it again")
    return report


async def verify(
    sources: Sources, subject: Subject, *, tenant: str | None = None, watch: Watch
) -> Report:
    """Compare the read models of `subject`, or what `tenant` has in them, with the log.

    Raises:
        PyMongoError: MongoDB cannot be used.
        KafkaError, DependencyDownError: Kafka cannot be used.
    """
    report, progress = Report(), Progress()
    for model in MODELS:
        if model.topic in subject.checkpoints:
            task = Task(sources, subject, model, tenant, report, progress, watch)
            await ModelVerification(task).run()
    return report

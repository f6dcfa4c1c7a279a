"""A run, followed from its start to its end through the API."""

from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from cli.api_client import ApiClient

Job: TypeAlias = dict[str, Any]  # what GET /ingest/progress/{job_id} answers

_ENDED: Final = frozenset({"completed", "failed", "cancelled", "interrupted"})
_POLL_SECONDS: Final = 0.2

COUNTERS: Final = {
    "fetched": "fetched",
    "new": "new_ingested",
    "updated": "updated",
    "restored": "restored",
    "deleted": "deleted",
    "unchanged": "unchanged",
    "stale": "stale",
    "foreign": "foreign",
    "rejected": "rejected",
    "duplicates": "duplicates",
}


class Run(NamedTuple):
    """A run and, if it is one of all tenants, the runs it consists of, by tenant."""

    job: Job
    tenants: dict[str, Job]

    @property
    def is_ended(self) -> bool:
        """True if nothing of it goes on."""
        return all(job["phase"] in _ENDED for job in (self.job, *self.tenants.values()))

    @property
    def is_complete(self) -> bool:
        """True if all of it completed."""
        return all(job["phase"] == "completed" for job in (self.job, *self.tenants.values()))


class RunView(Protocol):
    """Shows a run while it goes on."""

    def show(self, run: Run) -> None:
        """Show its present state."""


def read_run(api: ApiClient, job_id: str, before: Run | None = None) -> Run:
    """The present state of a run; of what had ended `before` nothing is asked again."""
    job = api.get(f"/ingest/progress/{job_id}")
    tenants = {}
    for tenant_id, child_id in sorted(job["jobs"].items()):
        known = before.tenants.get(tenant_id) if before else None
        is_final = known is not None and known["phase"] in _ENDED
        tenants[tenant_id] = (
            known if is_final and known else api.get(f"/ingest/progress/{child_id}")
        )
    return Run(job, tenants)


def follow_run(api: ApiClient, job_id: str, view: RunView) -> Run:
    """Show a run until it ends; return how it ended."""
    run = read_run(api, job_id)
    view.show(run)
    while not run.is_ended:
        api.pause(_POLL_SECONDS)
        run = read_run(api, job_id, run)
        view.show(run)
    return run


def counter_rows(run: Run) -> list[tuple[object, ...]]:
    """Per tenant, then for all: name, status, and the counters in the order of `COUNTERS`."""
    jobs = [*run.tenants.items(), ("all" if run.tenants else run.job["tenant_id"], run.job)]
    return [
        (name, job["status"] or job["phase"], *(job["counters"][c] for c in COUNTERS.values()))
        for name, job in jobs
    ]

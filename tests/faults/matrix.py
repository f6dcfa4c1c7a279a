"""The crash matrix: every boundary that the code names, and where death at it is tried."""

import re
from pathlib import Path
from typing import Final, NamedTuple

_ROOT = Path(__file__).parents[2]
_PACKAGES = ("api", "cli", "domain", "infra", "notifications", "projections", "streams")
_CALL = re.compile(r"crash_points\.reached\((?P<argument>[^)]*)\)")
_LITERAL = re.compile(r'\s*"(\w+)",?\s*')


class Point(NamedTuple):
    """A boundary: who dies there, at which time of passing, and where its predecessor died."""

    process: str
    boundary: str
    times: int = 2
    predecessor: str = ""


PIPELINE = (
    Point("worker", "classified_batch"),
    Point("worker", "classified_published"),
    Point("worker", "classified_checkpointed"),
    Point("worker", "sync_folded"),
    Point("worker", "sync_state_written"),
    Point("worker", "sync_before_commit"),
    Point("worker", "sync_committed"),
    Point("worker", "sync_published"),
    # Only what dies behind its commit leaves something to publish.
    Point("worker", "leftovers_published", 1, predecessor="sync_committed"),
    Point("projector", "projector_folded"),
    Point("projector", "projector_written"),
    Point("projector", "projector_before_commit"),
    Point("projector", "projector_committed"),
    Point("projector", "letters_written", 1),
    Point("projector", "letters_committed", 1),
)
CRAWL = (
    Point("worker", "after_fetch"),
    Point("worker", "page_counted"),
    Point("worker", "page_stored"),
    Point("worker", "page_published"),
    Point("worker", "deletions_stored", 1),
    Point("worker", "crawl_concluded", 1),
    Point("worker", "run_settled", 1),
)
NOTIFIER = (
    Point("notifier", "alerts_before_commit", 1),
    Point("notifier", "alerts_recorded", 1),
    Point("notifier", "alert_claimed", 3),
    Point("notifier", "alert_sent", 3),
    Point("notifier", "alert_noted", 3),
)
REBUILD = (
    Point("rebuild", "rebuild_begun", 1),
    Point("rebuild", "shadow_written"),
    Point("rebuild", "shadow_before_commit"),
    Point("rebuild", "shadow_committed"),
    Point("rebuild", "rebuild_checked", 1),
    Point("rebuild", "mid_swap", 1),
    Point("rebuild", "swapped", 1),
    Point("repair", "tenant_repaired", 1),
)
ALL = (*PIPELINE, *CRAWL, *NOTIFIER, *REBUILD)

# Boundaries at which other tests kill: `file::test`, whose file must name the boundary.
_REDRIVE: Final = (
    "tests/faults/test_redrive.py"
    "::test_poison_redriven_after_the_fix_leaves_what_was_left_where_it_never_failed"
)
_STATE: Final = (
    "tests/stages/test_state_rebuild.py::test_a_rebuild_that_is_killed_leaves_nothing_that_is_wrong"
)
_SUMS: Final = "tests/projections/test_roll_ups.py::test_a_merger_that_dies_counts_nothing_twice"
_ERASURE: Final = "tests/stages/test_erasure.py::test_whoever_dies_in_an_erasure_it_is_done_once"
_REWRITE: Final = "tests/stages/test_erasure.py::test_a_rewritten_log_holds_nothing_that_was_erased"
COVERED_ELSEWHERE: dict[str, str] = {
    "roll_ups_before_commit": _SUMS,
    "roll_ups_merged": _SUMS,
    "erasures_sent": _ERASURE,
    "erasures_taken": _ERASURE,
    "erasures_applied": _ERASURE,
    "log_replacing": _REWRITE,
    "log_removed": _REWRITE,
    "log_replaced": _REWRITE,
    "letters_resent": _REDRIVE,
    "letters_noted": _REDRIVE,
    "state_log_read": _STATE,
    "state_fenced": _STATE,
    "state_before_commit": _STATE,
}


def named_in_the_code() -> dict[str, str]:
    """Every boundary that the code names, with the file that does; `?` where it is no literal."""
    named = {}
    for package in _PACKAGES:
        for file in sorted((_ROOT / package).rglob("*.py")):
            for call in _CALL.finditer(file.read_text()):
                literal = _LITERAL.fullmatch(call["argument"])
                named[literal[1] if literal else "?"] = str(file.relative_to(_ROOT))
    return named


def is_there(boundary: str, test: str) -> bool:
    """True if `test`, `file::name`, exists and its file names the boundary."""
    file, _, name = test.partition("::")
    path = _ROOT / file
    text = path.read_text() if path.is_file() else ""
    return f"def {name}(" in text and f'"{boundary}' in text

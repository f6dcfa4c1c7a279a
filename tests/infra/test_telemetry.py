"""Logs: no document that an error is about, whoever logs it and however."""

import io
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from pymongo.errors import BulkWriteError, OperationFailure

from infra.settings import Settings
from infra.telemetry import configure_logging

SECRET = "sesame"  # noqa: S105 (a word to look for)
OPERATION = {"_id": "acme:T-1", "message": f"{SECRET}\nis my password"}
DETAILS: dict[str, Any] = {
    "writeErrors": [{"index": 0, "code": 112, "errmsg": "WriteConflict", "op": OPERATION}],
    "nInserted": 0,
}


@pytest.fixture(params=["console", "json"])
def logs(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    root, written = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    configure_logging(Settings(_env_file=None, log_format=request.param))
    [ours] = root.handlers
    assert isinstance(ours, logging.StreamHandler)
    ours.setStream(written)
    yield written
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize(
    "error", [BulkWriteError(DETAILS), OperationFailure("no", 121, {"code": 121, "doc": OPERATION})]
)
def test_documents_of_errors_are_not_logged(error: OperationFailure, logs: io.StringIO) -> None:
    assert SECRET in repr(error)

    structlog.get_logger().warning("stage_delayed", topic="tickets.raw", reason=repr(error))
    try:
        raise error
    except OperationFailure:
        structlog.get_logger().exception("request_failed")
        logging.getLogger("library").exception("failed: %s", error)

    written = logs.getvalue()
    assert SECRET not in written
    assert written.count("stage_delayed") == written.count("request_failed") == 1
    assert written.count(type(error).__name__) >= 3
    assert "tickets.raw" in written
    assert written.count("(code 1") >= 3

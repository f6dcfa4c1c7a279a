"""Structured logs: past-tense events with values as fields, on the console or as JSON lines."""

import logging
import re
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import structlog

from infra.settings import Settings
from infra.tracing import current_ids

# What PyMongo appends to the text of an error: the server's answer, and in it the documents.
_DOCUMENTS = re.compile(r", full error: .*")
_CODE = re.compile(r"'code': (\d+)")
_QUIET = ("aiokafka", "faust", "httpx", "httpcore", "mode", "pymongo", "uvicorn.error")


def without_documents(
    _logger: object, _method: str, event: structlog.types.EventDict
) -> structlog.types.EventDict:
    """Cut from the texts of errors the documents that they are about: tickets, secrets and all."""
    for name, value in event.items():
        if isinstance(value, str) and ", full error: " in value:
            event[name] = _DOCUMENTS.sub(_codes_of, value)
    return event


def with_trace(
    _logger: object, _method: str, event: structlog.types.EventDict
) -> structlog.types.EventDict:
    """Name the span that a line was written under, where there is one."""
    event.update(current_ids())
    return event


def _codes_of(documents: re.Match[str]) -> str:
    codes = sorted(set(_CODE.findall(documents[0])))
    return f" (code {', '.join(codes)})" if codes else ""


def configure_logging(settings: Settings) -> None:
    """Send every log line of this process, libraries included, through one renderer to stderr."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        with_trace,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        without_documents,
    ]
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    # A page for every connection that its pool could not make; who waits for one says so.
    logging.getLogger("pymongo.client").setLevel(logging.CRITICAL)


def current_request() -> str | None:
    """The id of the HTTP request that this is done for, if it is done for one."""
    found = structlog.contextvars.get_contextvars().get("request_id")
    return None if found is None else str(found)


def about_run(job: Mapping[str, Any]) -> AbstractContextManager[None]:
    """While it lasts, log lines of this task name the run and the request that asked for it."""
    return structlog.contextvars.bound_contextvars(**run_fields(job))


def run_fields(job: Mapping[str, Any]) -> dict[str, Any]:
    """What a log line says of a run; the command line makes no request."""
    asked = job.get("request_id")
    return {"job_id": job["_id"], **({} if asked is None else {"request_id": asked})}

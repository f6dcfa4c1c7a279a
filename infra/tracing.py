"""Spans of our own work, by OpenTelemetry's conventions; without a collector they cost nothing.

Names and attributes follow https://opentelemetry.io/docs/specs/semconv/messaging/ where it has any.
No span holds a text of a ticket.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.propagate import extract, inject
from opentelemetry.trace import Span, SpanContext, SpanKind, StatusCode

from infra.kafka import Record

_TRACER: Final = trace.get_tracer("deskstream")
_MOST_LINKS: Final = 32
# W3C Trace Context, and the same as an extension of CloudEvents in Kafka's binary mode.
_TRACEPARENTS: Final = ("traceparent", "ce_traceparent")


@contextmanager
def span(name: str, **attributes: str | int | float) -> Iterator[None]:
    """A part of what is traced; `attributes` are named `deskstream.*`."""
    with _spanned(name, attributes={f"deskstream.{key}": v for key, v in attributes.items()}):
        yield


@contextmanager
def batch_span(consumer: str, slices: Mapping[int, Sequence[Record]]) -> Iterator[None]:
    """A consumer processes a batch, linked to the traces that its records say they belong to."""
    with _spanned(f"process {consumer}", kind=SpanKind.CONSUMER) as current:
        if current.is_recording():
            current.set_attributes(
                {
                    "messaging.system": "kafka",
                    "messaging.operation.type": "process",
                    "messaging.consumer.group.name": consumer,
                    "messaging.batch.message_count": sum(map(len, slices.values())),
                    "deskstream.partitions": sorted(slices),
                }
            )
            for context in _named_by(slices):
                current.add_link(context)
        yield


@contextmanager
def run_span(job: Mapping[str, Any]) -> Iterator[None]:
    """The work on a run, in the trace of the request that asked for it."""
    asked = job.get("traceparent")
    parent = None if asked is None else extract({"traceparent": asked})
    attributes = {"deskstream.job_id": job["_id"], "deskstream.tenant_id": job["tenant_id"]}
    with _spanned("crawl", context=parent, attributes=attributes):
        yield


def current_traceparent() -> str | None:
    """The span that this is done under, as W3C's `traceparent`; None where nothing is traced."""
    carrier: dict[str, str] = {}
    inject(carrier)
    return carrier.get("traceparent")


def current_ids() -> dict[str, str]:
    """What a log line says of the span that it was written under."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return {}
    return {
        "trace_id": trace.format_trace_id(context.trace_id),
        "span_id": trace.format_span_id(context.span_id),
    }


def tell_request(request_id: str) -> None:
    """Note on the span of a request which one it is."""
    trace.get_current_span().set_attribute("deskstream.request_id", request_id)


@contextmanager
def _spanned(name: str, **options: Any) -> Iterator[Span]:  # noqa: ANN401 (the library's)
    """A span that tells of an error by its type: what errors say may hold documents."""
    with _TRACER.start_as_current_span(
        name, record_exception=False, set_status_on_exception=False, **options
    ) as current:
        try:
            yield current
        except Exception as error:
            current.set_attribute("error.type", type(error).__qualname__)
            current.set_status(StatusCode.ERROR)
            raise


def _named_by(slices: Mapping[int, Sequence[Record]]) -> list[SpanContext]:
    """The first traces that the records name, each once."""
    named: dict[str, None] = {}
    for records in slices.values():
        for record in records:
            for name, value in record.headers:
                if name in _TRACEPARENTS and len(named) < _MOST_LINKS:
                    named[value.decode(errors="replace")] = None
    contexts = [
        trace.get_current_span(extract({"traceparent": one})).get_span_context() for one in named
    ]
    return [context for context in contexts if context.is_valid]

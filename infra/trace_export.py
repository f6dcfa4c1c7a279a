"""Sending spans to a collector by OTLP over HTTP, where a setting names one; else nothing of it."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from infra.settings import Settings

# Today's names of attributes, not those of before they were settled.
_CONVENTIONS: Final = "http,database"
_UNTRACED: Final = "livez,readyz,health,metrics"
_LEAVING_MS: Final = 2_000


@contextmanager
def traces_sent(settings: Settings, service: str) -> Iterator[None]:
    """Send this process's spans while the block lasts, and what is left of them at its end.

    Calls over HTTP and commands of MongoDB become spans of their own, if they are part of
    something that is traced.  Call it before clients are made.
    """
    endpoint = settings.otel_exporter_otlp_endpoint
    if endpoint is None:
        yield
        return
    os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", _CONVENTIONS)
    from opentelemetry import trace
    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
    from opentelemetry.instrumentation.pymongo import PymongoInstrumentor

    provider = _provider(settings, endpoint, service)
    trace.set_tracer_provider(provider)
    PymongoInstrumentor().instrument()
    HTTPXClientInstrumentor().instrument(async_request_hook=_without_path)
    try:
        yield
    finally:
        # Before it is shut down, which waits for a collector as long as exporters do.
        provider.force_flush(_LEAVING_MS)
        provider.shutdown()


def trace_requests(app: Any, settings: Settings) -> None:  # noqa: ANN401 (ours is below the API)
    """Give each request to a FastAPI application a span, where spans are sent."""
    if settings.otel_exporter_otlp_endpoint is None:
        return
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

    FastAPIInstrumentor.instrument_app(
        app, excluded_urls=_UNTRACED, exclude_spans=["receive", "send"]
    )


def _provider(settings: Settings, endpoint: str, service: str) -> Any:  # noqa: ANN401 (late)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SpanLimits, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(
        sampler=_sampler(settings.otel_traces_sampler_arg),
        resource=Resource.create({"service.name": f"deskstream-{service}"}),
        # Events are exceptions, and the texts of exceptions may hold documents.
        span_limits=SpanLimits(max_events=0),
        shutdown_on_exit=False,
    )
    exporter = OTLPSpanExporter(
        endpoint=f"{endpoint}/v1/traces", headers=_headers(settings), timeout=_LEAVING_MS / 1000
    )
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


async def _without_path(span: Any, request: Any) -> None:  # noqa: ANN401 (untyped library)
    """The path of an address may hold a secret: hooks of chats and pagers have it there."""
    shown = request.url.copy_with(path="/", query=None, userinfo=b"")
    span.set_attribute("url.full", str(shown))


def _headers(settings: Settings) -> dict[str, str]:
    from opentelemetry.util.re import parse_env_headers

    given = settings.otel_exporter_otlp_headers
    return {} if given is None else dict(parse_env_headers(given.get_secret_value(), liberal=True))


def _sampler(share: float) -> Any:  # noqa: ANN401 (imported late)
    """So many of the traces, and nothing that only polls: a client's call that is part of none."""
    from opentelemetry.sdk.trace.sampling import (
        Decision,
        ParentBased,
        Sampler,
        SamplingResult,
        TraceIdRatioBased,
    )
    from opentelemetry.trace import SpanKind

    class WorkOnly(Sampler):
        def __init__(self) -> None:
            self._ratio = TraceIdRatioBased(share)

        def should_sample(  # noqa: PLR0913, PLR0917 (the library's signature)
            self,
            parent_context: Any,  # noqa: ANN401
            trace_id: int,
            name: str,
            kind: SpanKind | None = None,
            attributes: Any = None,  # noqa: ANN401
            links: Sequence[Any] | None = None,
            trace_state: Any = None,  # noqa: ANN401
        ) -> SamplingResult:
            if kind is SpanKind.CLIENT:
                return SamplingResult(Decision.DROP)
            return self._ratio.should_sample(
                parent_context, trace_id, name, kind, attributes, links, trace_state
            )

        def get_description(self) -> str:
            return f"WorkOnly{{{share}}}"

    return ParentBased(WorkOnly())

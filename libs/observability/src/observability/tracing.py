"""Traces across HTTP, NATS and the outbox, in the W3C trace context format."""

from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.propagate import extract, inject
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

_tracer = trace.get_tracer("memori")


def configure(service: str, endpoint: str | None) -> None:
    """Export spans over OTLP/HTTP to `endpoint`; without one, only the trace context is passed on."""
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415  # loaded once, by processes that serve
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415

    provider = TracerProvider(resource=Resource.create({"service.name": service, "service.namespace": "memori"}))
    if endpoint:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces")))
    trace.set_tracer_provider(provider)


def carry(headers: MutableMapping[str, str]) -> None:
    """Add the current trace context to a message's headers."""
    inject(headers)


@contextmanager
def span(name: str, kind: SpanKind = SpanKind.INTERNAL, headers: Mapping[str, str] | None = None) -> Iterator[Span]:
    """A span around a block, as a child of the context in `headers` when given; an exception marks it failed."""
    context = extract(headers) if headers is not None else None
    # The text of an exception may quote what users wrote: only its type is kept.
    with _tracer.start_as_current_span(
        name, context=context, kind=kind, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield current
        except BaseException as error:
            current.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise

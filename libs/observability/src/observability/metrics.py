"""The metrics every service has. Labels are bounded: no user, no tenant, no id."""

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

RPC_SECONDS = Histogram(
    "memori_rpc_seconds", "Time to answer a request", ("method", "outcome"), buckets=LATENCY_BUCKETS
)
EVENTS_CONSUMED = Counter("memori_events_consumed_total", "Events taken from a stream", ("consumer", "outcome"))
CONSUMER_PENDING = Gauge(
    "memori_consumer_pending",
    "Events a durable consumer has not finished, at the last readiness check",
    ("consumer",),
)
DEAD_LETTERS = Counter("memori_dead_letters_total", "Messages given up on", ("consumer",))
OUTBOX_PUBLISHED = Counter("memori_outbox_published_total", "Outbox rows delivered", ("kind",))
OUTBOX_PENDING = Gauge("memori_outbox_pending", "Outbox rows not yet delivered")
OUTBOX_REFUSED = Gauge(
    "memori_outbox_refused", "Commands in the outbox that were refused, until they are replayed or dropped"
)


def render() -> tuple[bytes, str]:
    """The metrics of this process in the Prometheus text format, and their content type."""
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST

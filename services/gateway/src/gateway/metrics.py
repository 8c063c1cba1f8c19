"""The metrics of the HTTP edge."""

from prometheus_client import Histogram

from observability.metrics import LATENCY_BUCKETS

HTTP_SECONDS = Histogram(
    "memori_http_seconds", "Time to answer an HTTP request", ("method", "route", "status"), buckets=LATENCY_BUCKETS
)

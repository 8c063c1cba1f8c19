"""Traces, metrics, logs and health."""

from observability.logs import logger
from observability.tracing import span

__all__ = ["logger", "span"]

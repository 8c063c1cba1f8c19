"""How a service says what it depends on and whether that works."""

from typing import Literal

from contracts.base import Message
from contracts.methods import Empty, Method


class Health(Message):
    """The state of each dependency by its name: `healthy`, or `unhealthy: ` and the kind of failure."""

    status: Literal["healthy", "degraded"]
    checks: dict[str, str]


def health_of(service: str) -> Method[Empty, Health]:
    """The method by which a service is asked how it is."""
    return Method(service, "health", Empty, Health)

"""Lets the gateway ask a service how it is."""

from collections.abc import Mapping

from faststream.nats import NatsBroker

from contracts.health import Health, health_of
from contracts.identity import Identity
from contracts.methods import Empty
from messaging.rpc import serve
from observability.health import Check, check_all


def serve_health(broker: NatsBroker, service: str, checks: Mapping[str, Check]) -> None:
    """Answer `health` with these checks, run side by side at each request; call it before the broker starts."""

    async def answer(_: Empty, __: Identity) -> Health:
        found = await check_all(checks)
        return Health(status=found.status, checks=dict(found.checks))

    serve(broker, health_of(service), answer, concurrency=2)

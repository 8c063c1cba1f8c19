"""The state of the whole system, dependency by dependency."""

import asyncio
from collections.abc import Mapping

from fastapi import APIRouter
from starlette.requests import Request

from contracts.health import Health, health_of
from contracts.identity import service_identity
from contracts.methods import Empty, ProblemError
from contracts.topology import GATEWAY, SERVICES
from gateway.services import Edge
from observability.health import check_all

router = APIRouter(tags=["health"])

BACKENDS = tuple(service for service in SERVICES if service != GATEWAY)
SHARED = ("database", "pgvector", "llm", "embeddings")
"""What only the services behind the gateway reach: each is as well as the worst-off service says."""

HEALTHY = "healthy"
UNKNOWN = "unknown"
"""No service that runs says anything about it; that a service is away counts by itself."""
_TIMEOUT_SECONDS = 3.0


@router.get("/health/memori")
async def system_health(request: Request) -> Health:
    """Healthy, or degraded and by what. Always 200: a degraded system still answers."""
    edge: Edge = request.app.state.edge
    own = asyncio.create_task(check_all({"nats": edge.ping}))
    states = await asyncio.gather(*(_state_of(edge, service) for service in BACKENDS))
    return summary((await own).checks, dict(zip(BACKENDS, states, strict=True)))


def summary(own: Mapping[str, str], services: Mapping[str, Health | str]) -> Health:
    """The gateway's own checks, each service's state and that of what they share, as one."""
    checks = dict(own)
    for service, health in services.items():
        checks[service] = health if isinstance(health, str) else health.status
    said = [health.checks for health in services.values() if isinstance(health, Health)]
    for name in SHARED:
        states = [found[name] for found in said if name in found]
        checks[name] = next((state for state in states if state != HEALTHY), HEALTHY if states else UNKNOWN)
    healthy = all(state in {HEALTHY, UNKNOWN} for state in checks.values())
    return Health(status=HEALTHY if healthy else "degraded", checks=checks)


async def _state_of(edge: Edge, service: str) -> Health | str:
    try:
        return await edge.rpc.call(
            health_of(service), Empty(), service_identity(GATEWAY), timeout_seconds=_TIMEOUT_SECONDS
        )
    except ProblemError as error:
        return f"unhealthy: {error.problem.type}"

"""How the states of the services become one."""

from contracts.health import Health
from gateway.api.health import BACKENDS, SHARED, summary

WELL = {"database": "healthy", "pgvector": "healthy", "llm": "healthy", "embeddings": "healthy"}


def test_all_well_is_healthy():
    health = summary({"nats": "healthy"}, {name: Health(status="healthy", checks=WELL) for name in BACKENDS})
    assert health.status == "healthy"
    assert set(health.checks) == {"nats", *BACKENDS, *SHARED}


def test_what_nobody_can_tell_is_unknown_and_so_degraded():
    health = summary({"nats": "healthy"}, dict.fromkeys(BACKENDS, "unhealthy: unavailable"))
    assert health.status == "degraded"
    assert {health.checks[name] for name in SHARED} == {"unknown"}


def test_one_service_without_its_dependency_is_enough():
    states = {name: Health(status="healthy", checks=WELL) for name in BACKENDS}
    states["sql-generator"] = Health(status="degraded", checks=WELL | {"llm": "unhealthy: TimeoutError"})
    health = summary({"nats": "healthy"}, states)
    assert health.checks["llm"] == "unhealthy: TimeoutError"
    assert health.checks["sql-generator"] == "degraded"
    assert health.status == "degraded"

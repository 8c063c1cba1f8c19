"""What operators see: health, readiness, metrics, documentation, CORS."""

import re

import httpx

from gateway.api.health import BACKENDS, SHARED


async def test_the_health_of_everything_is_told_by_dependency(anonymous, services):
    answer = await anonymous.get("/health/memori")
    assert answer.status_code == 200
    health = answer.json()
    assert set(health["checks"]) == {"nats", *BACKENDS, *SHARED}
    assert health["status"] == "degraded"
    assert health["checks"].pop("entity-extractor") == "unhealthy: unavailable"
    assert set(health["checks"].values()) == {"healthy"}


async def test_a_dependency_is_as_well_as_the_worst_off_service_says(anonymous, services):
    services.ailing.add(("embedding-worker", "database"))
    answer = await anonymous.get("/health/memori")
    assert "secret" not in answer.text
    checks = answer.json()["checks"]
    assert checks["embedding-worker"] == "degraded"
    assert checks["database"] == "unhealthy: ConnectionError"
    assert checks["pgvector"] == "healthy"


async def test_the_gateway_is_alive_and_ready(anonymous):
    assert (await anonymous.get("/healthz")).text == "ok"
    ready = await anonymous.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["checks"] == {"nats": "healthy"}


async def test_latency_is_measured_by_route_and_never_by_id(ada, anonymous):
    memory = await ada.post("/api/memories", json={"content": "x"})
    await ada.get(memory.headers["location"])
    await ada.request("REPORT", "/api/memories")
    await anonymous.get("/api/nothing-here")
    text = (await anonymous.get("/metrics")).text
    assert 'memori_http_seconds_count{method="GET",route="/api/memories/{memory_id}",status="200"}' in text
    assert 'memori_http_seconds_count{method="GET",route="unmatched",status="404"}' in text
    assert 'method="other",route="/api/memories",status="405"' in text
    assert memory.json()["memory_id"] not in text
    assert "nothing-here" not in text


async def test_the_documentation_needs_no_other_host(anonymous):
    page = await anonymous.get("/docs")
    assert page.status_code == 200
    linked = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert linked
    for link in linked:
        assert link.startswith("/"), link
        assert (await anonymous.get(link)).status_code == 200
    assert (await anonymous.get("/openapi.json")).json()["openapi"] == "3.1.0"


async def test_every_response_has_the_security_headers(anonymous, ada):
    for answer in (await anonymous.get("/api/nothing"), await ada.post("/api/memories", json={"content": "x"})):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"


async def test_cross_origin_requests_are_allowed_only_where_set(start_gateway, anonymous):
    ask = {
        "Origin": "https://app.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type, x-process-id, x-session-id",
    }
    refused = await anonymous.options("/api/memories", headers=ask)
    assert "access-control-allow-origin" not in refused.headers
    with start_gateway(cors_origins="https://app.example, https://other.example") as url:
        async with httpx.AsyncClient(base_url=url) as client:
            allowed = await client.options("/api/memories", headers=ask)
            assert allowed.status_code == 200
            assert allowed.headers["access-control-allow-origin"] == "https://app.example"
            elsewhere = await client.options("/api/memories", headers=ask | {"Origin": "https://evil.example"})
            assert "access-control-allow-origin" not in elsewhere.headers
            # A browser must be able to read errors too.
            denied = await client.get("/api/nothing", headers={"Origin": "https://app.example"})
            assert denied.headers["access-control-allow-origin"] == "https://app.example"

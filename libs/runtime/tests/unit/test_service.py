"""The HTTP side of a service, and work beside it."""

import asyncio
import signal
from contextlib import asynccontextmanager

import httpx

from runtime import background, health_app


def app_with(checks):
    @asynccontextmanager
    async def running():
        yield checks

    return health_app(running)


@asynccontextmanager
async def client_of(app):
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            yield client


async def well():
    return None


async def ill():
    raise ConnectionRefusedError("postgresql://user:password@host")


async def test_ready_only_while_every_check_passes():
    async with client_of(app_with({"database": well, "nats": ill})) as client:
        assert (await client.get("/healthz")).status_code == 200
        answer = await client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["checks"] == {"database": "healthy", "nats": "unhealthy: ConnectionRefusedError"}
        assert "password" not in answer.text
    async with client_of(app_with({"database": well})) as client:
        assert (await client.get("/readyz")).status_code == 200


async def test_metrics_are_served_in_the_prometheus_format():
    async with client_of(app_with({})) as client:
        assert "memori_rpc_seconds" in (await client.get("/metrics")).text


async def test_background_work_that_ends_by_itself_stops_the_process():
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, told.set)

    async def broken():
        raise ZeroDivisionError

    try:
        async with background(broken()):
            async with asyncio.timeout(5):
                await told.wait()
    except ZeroDivisionError:
        pass
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
    assert told.is_set()


async def test_background_work_is_cancelled_when_the_block_ends():
    ended = asyncio.Event()

    async def endless():
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with background(endless()):
        await asyncio.sleep(0)
    assert ended.is_set()

"""A service process: starts its parts, answers health over HTTP, and stops without dropping work."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from observability import logger, logs, tracing
from observability.health import Check, check_all
from observability.metrics import render
from runtime.settings import Settings

_log = logger(__name__)

Lifespan = Callable[[], AbstractAsyncContextManager[Mapping[str, Check]]]
"""Starts a service's parts and yields its readiness checks; stops the parts when the block ends."""


def health_routes(checks: Callable[[], Mapping[str, Check]]) -> list[Route]:
    """`/healthz` (the process runs), `/readyz` (it can do its work), `/metrics`."""

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok")

    async def readyz(_: Request) -> Response:
        health = await check_all(checks())
        ready = health.status == "healthy"
        return JSONResponse(
            {"status": "ready" if ready else "not ready", "checks": health.checks}, 200 if ready else 503
        )

    async def metrics(_: Request) -> Response:
        body, content_type = render()
        return Response(body, media_type=content_type)

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]


def health_app(lifespan: Lifespan) -> Starlette:
    """The HTTP side of a service that answers on NATS only."""
    checks: dict[str, Check] = {}

    @asynccontextmanager
    async def run(_: Starlette) -> AsyncIterator[None]:
        async with lifespan() as found:
            checks.update(found)
            yield

    return Starlette(routes=health_routes(lambda: checks), lifespan=run)


def serve(service: str, settings: Settings, app: Any) -> None:
    """Run an ASGI app until SIGTERM or SIGINT; logs, traces and the event loop are set up first."""
    logs.configure(service, level=settings.log_level)
    tracing.configure(service, settings.otel_exporter_otlp_endpoint)
    config = uvicorn.Config(
        app,
        host=settings.http_host,
        port=settings.http_port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=20,
        lifespan="on",
    )
    server = uvicorn.Server(config)
    _log.info("starting", port=settings.http_port, environment=settings.environment)
    server.run()
    if not server.started:
        sys.exit(1)


@asynccontextmanager
async def background(*coroutines: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run endless work beside the block. When one of them ends by itself, the process is asked to stop: it must not
    go on answering while half of it is dead.
    """

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            _log.critical("background_work_ended", task=task.get_name(), exc_info=task.exception())
            signal.raise_signal(signal.SIGTERM)

    tasks = [asyncio.create_task(coroutine, name=getattr(coroutine, "__qualname__", None)) for coroutine in coroutines]
    for task in tasks:
        task.add_done_callback(ended)
    try:
        yield
    finally:
        for task in tasks:
            task.remove_done_callback(ended)
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task

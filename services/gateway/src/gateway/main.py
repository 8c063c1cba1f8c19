"""The composition root."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache, partial

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from pydantic import ValidationError
from starlette.middleware.cors import CORSMiddleware

from contracts.topology import GATEWAY
from gateway import openapi, problems
from gateway.api import ROUTERS, files
from gateway.api.memories import BATCH_PATH
from gateway.attribution import PROCESS, SESSION
from gateway.event_stream import ProgressFeed
from gateway.identity import Authenticator
from gateway.middleware import REQUEST_ID, BodyLimits, RequestContext
from gateway.services import Edge, Timeouts
from gateway.settings import GatewaySettings
from messaging import RpcClient, create_broker
from messaging.broker import ping, start, stop
from messaging.errors import field_errors
from runtime import health_routes, serve


def main() -> None:
    """Serve HTTP until told to stop."""
    try:
        settings = GatewaySettings()
    except ValidationError as error:
        sys.exit("\n".join(f"{found.field}: {found.message}" for found in field_errors(error)))
    serve(GATEWAY, settings, create_app(settings))


def create_app(settings: GatewaySettings) -> FastAPI:
    """The gateway as an ASGI app, which connects to NATS when it starts."""
    password = settings.nats_password.get_secret_value() if settings.nats_password else None
    broker = create_broker(settings.nats_url, service=GATEWAY, password=password)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await start(broker)
        try:
            yield
        finally:
            await stop(broker)

    # FastAPI with the documentation's scripts served from here instead of from a CDN.
    app = FastAPIOffline(
        title=openapi.TITLE,
        lifespan=lifespan,
        redirect_slashes=False,
        # RequestContext makes the span and the metric; FastAPI's own would repeat them at 0.1 ms a request.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        generate_unique_id_function=lambda route: route.name,
        docs_url="/docs",
        redoc_url=None,
    )
    app.openapi = cache(partial(openapi.document, app))  # type: ignore[method-assign]  # how FastAPI is extended
    app.state.edge = Edge(
        authenticator=Authenticator(settings),
        rpc=RpcClient(broker),
        timeouts=Timeouts(settings),
        ping=partial(ping, broker),
        progress=ProgressFeed(broker),
        heartbeat_seconds=settings.event_heartbeat_seconds,
    )
    for router in ROUTERS:
        app.include_router(router)
    app.router.routes.extend(health_routes(lambda: {"nats": app.state.edge.ping}))
    problems.install(app)

    # The last one added is the outermost.
    by_path = {BATCH_PATH: settings.max_batch_bytes, files.PATH: settings.max_file_bytes + files.FORM_BYTES}
    app.add_middleware(BodyLimits, default=settings.max_body_bytes, by_path=by_path)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", REQUEST_ID, PROCESS, SESSION],
            expose_headers=[REQUEST_ID, "Location", "Retry-After", "Content-Disposition", "Memori-Truncated-By"],
        )
    app.add_middleware(RequestContext)
    return app

"""What happens around every request. Plain ASGI: Starlette's BaseHTTPMiddleware costs a task and a queue a request."""

import re
import time
from collections.abc import Mapping
from uuid import uuid4

from opentelemetry.trace import Span, SpanKind, StatusCode
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from contracts.methods import ProblemError
from contracts.problems import problem
from gateway.metrics import HTTP_SECONDS
from gateway.problems import problem_response
from observability import logger, span

_log = logger(__name__)

REQUEST_ID = "X-Request-Id"

_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_METHODS = frozenset({"GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS"})
_SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
]


class RequestContext:
    """Gives each request an id, a span and a measured duration, and answers what nobody expected with a problem."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = _request_id(headers)
        scope.setdefault("state", {})["request_id"] = request_id
        own_headers = [(b"x-request-id", request_id.encode()), *_SECURITY_HEADERS]
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *own_headers]
            await send(message)

        started = time.perf_counter()
        with bound_contextvars(request_id=request_id), span(scope["method"], SpanKind.SERVER, headers) as current:
            try:
                await self._app(scope, receive, send_with_headers)
            except ClientDisconnect:
                _log.info("client_disconnected")
            except Exception:
                _log.exception("request_failed")
                if status:
                    raise
                await problem_response(Request(scope), problem("failed"))(scope, receive, send_with_headers)
            finally:
                _observe(scope, status, time.perf_counter() - started, current)


class BodyLimits:
    """Refuses a body that is too large before it is read, or as soon as it has grown too large."""

    def __init__(self, app: ASGIApp, *, default: int, by_path: Mapping[str, int]) -> None:
        self._app = app
        self._default = default
        self._by_path = by_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._by_path.get(scope["path"], self._default)
        too_large = problem("too-large", f"the body may have {limit} bytes at most")
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and int(length) > limit:
            await problem_response(Request(scope), too_large)(scope, receive, send)
            return
        received = 0

        async def receive_limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise ProblemError(too_large)
            return message

        await self._app(scope, receive_limited, send)


def _request_id(headers: Headers) -> str:
    given = headers.get(REQUEST_ID, "")
    return given if _SANE_REQUEST_ID.fullmatch(given) else str(uuid4())


def _observe(scope: Scope, status: int, seconds: float, current: Span) -> None:
    # Labels stay bounded: the route's template, and only methods that exist.
    route = getattr(scope.get("route"), "path", None) or "unmatched"
    method = scope["method"] if scope["method"] in _METHODS else "other"
    # 499: the client left before there was a status.
    HTTP_SECONDS.labels(method, route, status or 499).observe(seconds)
    _log.info("request", method=method, route=route, status=status or 499, milliseconds=round(seconds * 1000, 1))
    current.update_name(f"{method} {route}")
    current.set_attribute("http.request.method", method)
    current.set_attribute("http.route", route)
    current.set_attribute("http.response.status_code", status)
    if status >= 500:
        current.set_status(StatusCode.ERROR)

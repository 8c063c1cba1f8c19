"""The services behind the edge, asked on behalf of the user who asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, TypeAlias, TypeVar

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from contracts.base import Message
from contracts.identity import Identity
from contracts.methods import Method
from contracts.personal_data import erase_of, export_of
from contracts.sql_generator import (
    EXECUTE,
    GENERATE,
    PREVIEW_FILE,
    RATE,
    RECALL,
    REGISTER_DATA_SOURCE,
    SYNC_DATA_SOURCE,
    TEST_DATA_SOURCE,
    UPDATE_DATA_SOURCE,
)
from contracts.topology import OWNERS
from gateway.event_stream import ProgressFeed
from gateway.identity import Authenticator
from gateway.settings import GatewaySettings
from messaging import RpcClient
from observability.health import Check

RequestT = TypeVar("RequestT", bound=Message)
ReplyT = TypeVar("ReplyT", bound=Message)

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Services:
    """Calls methods as one user; what a service answers with a problem is raised as ProblemError."""

    _rpc: RpcClient
    _timeouts: "Timeouts"
    _identity: Identity

    @property
    def identity(self) -> Identity:
        """On whose behalf."""
        return self._identity

    async def ask(self, method: Method[RequestT, ReplyT], request: RequestT) -> ReplyT:
        """The reply, for routes that do something with it."""
        return await self._rpc.call(method, request, self._identity, timeout_seconds=self._timeouts.of(method))

    async def forward(self, method: Method[RequestT, ReplyT], request: RequestT) -> bytes:
        """The reply as its owner wrote it, for routes that send it in a form of their own."""
        return await self._rpc.forward(method, request, self._identity, timeout_seconds=self._timeouts.of(method))

    async def relay(
        self,
        method: Method[RequestT, ReplyT],
        request: RequestT,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """The reply as a response, byte for byte as its owner wrote it; 204 leaves it out."""
        body = await self.forward(method, request)
        if status == 204:
            return Response(status_code=status)
        return Response(body, status, headers, JSON)


class Timeouts:
    """How many seconds each method gets."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._default = settings.rpc_timeout_seconds
        self._by_subject = {
            GENERATE.subject: settings.generate_timeout_seconds,
            RECALL.subject: settings.generate_timeout_seconds,
            EXECUTE.subject: settings.generate_timeout_seconds,
            RATE.subject: settings.generate_timeout_seconds,
            **{
                method.subject: settings.sync_timeout_seconds
                for method in (
                    REGISTER_DATA_SOURCE,
                    UPDATE_DATA_SOURCE,
                    TEST_DATA_SOURCE,
                    SYNC_DATA_SOURCE,
                    PREVIEW_FILE,
                )
            },
            **{
                method(owner).subject: settings.personal_data_timeout_seconds
                for owner in OWNERS
                for method in (export_of, erase_of)
            },
        }

    def of(self, method: Method[RequestT, ReplyT]) -> float:
        """Seconds from the call to its deadline."""
        return self._by_subject.get(method.subject, self._default)


@dataclass(frozen=True, slots=True)
class Edge:
    """What every request needs, made once when the app is."""

    authenticator: Authenticator
    rpc: RpcClient
    timeouts: Timeouts
    ping: Check
    progress: ProgressFeed
    heartbeat_seconds: float


async def _authenticated(request: Request) -> Services:
    edge: Edge = request.app.state.edge
    identity = edge.authenticator.identify(request.headers, request.state.request_id)
    return Services(edge.rpc, edge.timeouts, identity)


Authenticated: TypeAlias = Annotated[Services, Depends(_authenticated)]
"""The services as the authenticated caller. It comes first in a route's parameters: nobody unknown is read further."""

"""The gateway as it runs in production, over a real socket and a real NATS server, with stand-ins for the services."""

import contextlib
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx
import jwt
import pytest
import pytest_asyncio
import uvicorn

from contracts import memory_store, sql_generator
from contracts.entity_extractor import SERVICE as ENTITY_EXTRACTOR
from contracts.health import health_of
from contracts.memory_store import Conversation, ConversationMessage, Memories, Memory, MemoryDetail, Messages
from contracts.methods import Empty, ProblemError
from contracts.problems import problem
from contracts.topology import CALLS, GATEWAY
from gateway.main import create_app
from gateway.settings import GatewaySettings
from memori_cli.local.nats import EmbeddedNats
from messaging import create_broker, serve, serve_health

SECRET_KEY = "a key that is long enough for production"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

DEPENDENCIES = {
    "memory-store": ("database", "pgvector"),
    "embedding-worker": ("database", "embeddings"),
    "sql-generator": ("database", "llm"),
}


class StandIns:
    """Answers the gateway's calls on NATS as the services would, from memory; a test may replace any answer.

    Nobody stands in for entity-extractor: it is the service that is not running.
    """

    def __init__(self, url):
        self.broker = create_broker(url, service="stand-ins")
        self.requests = []
        self._replaced = {}
        self._memories = {}
        self._conversations = {}
        self._own = {
            memory_store.CREATE.subject: self._create,
            memory_store.GET.subject: self._get,
            memory_store.DELETE.subject: self._delete,
            memory_store.CREATE_CONVERSATION.subject: self._create_conversation,
            memory_store.GET_CONVERSATION.subject: self._get_conversation,
            memory_store.APPEND_MESSAGES.subject: self._append_messages,
        }
        self.ailing = set()
        for method in CALLS[GATEWAY]:
            if method.service == ENTITY_EXTRACTOR:
                continue
            if method == health_of(method.service):
                checks = {name: partial(self._check, method.service, name) for name in DEPENDENCIES[method.service]}
                serve_health(self.broker, method.service, checks)
            else:
                serve(self.broker, method, self._answer(method))

    def on(self, method, handler: Callable[..., Awaitable]):
        self._replaced[method.subject] = handler

    def asked(self, method):
        """The requests for a method, in the order they came."""
        return [request for subject, request, _ in self.requests if subject == method.subject]

    async def _check(self, service, dependency):
        if (service, dependency) in self.ailing:
            raise ConnectionError("the address of something secret")

    def reset(self):
        self.ailing.clear()
        self._replaced.clear()
        self.requests.clear()

    def _answer(self, method):
        async def answer(request, identity):
            self.requests.append((method.subject, request, identity))
            handler = self._replaced.get(method.subject) or self._own[method.subject]
            return await handler(request, identity)

        return answer

    async def _create(self, request, identity):
        for new in request.memories:
            stored = Memory(
                **new.model_dump(exclude={"importance_score", "occurred_at"}),
                importance_score=0.5 if new.importance_score is None else new.importance_score,
                occurred_at=new.occurred_at or NOW,
                access_count=0,
                last_accessed_at=None,
                mine=True,
                is_archived=False,
                archived_reason=None,
                superseded_by=None,
                content_version=1,
                revision=1,
                embedded=False,
                created_at=NOW,
                updated_at=NOW,
            )
            self._memories.setdefault((identity.tenant_id, identity.user_id, new.memory_id), stored)
        ids = [(identity.tenant_id, identity.user_id, new.memory_id) for new in request.memories]
        return Memories(memories=tuple(self._memories[key] for key in ids))

    async def _get(self, request, identity):
        key = (identity.tenant_id, identity.user_id, request.memory_id)
        if key not in self._memories:
            raise ProblemError(problem("not-found", "no such memory"))
        return MemoryDetail(memory=self._memories[key])

    async def _delete(self, request, identity):
        if self._memories.pop((identity.tenant_id, identity.user_id, request.memory_id), None) is None:
            raise ProblemError(problem("not-found", "no such memory"))
        return Empty()

    async def _create_conversation(self, request, identity):
        made = Conversation(**request.model_dump(), last_activity_at=NOW, created_at=NOW, updated_at=NOW)
        return self._conversations.setdefault((identity.user_id, request.conversation_id), made)

    async def _get_conversation(self, request, identity):
        found = self._conversations.get((identity.user_id, request.conversation_id))
        if found is None:
            raise ProblemError(problem("not-found", "no such conversation"))
        return found

    async def _append_messages(self, request, identity):
        await self._get_conversation(request, identity)
        kept = (
            ConversationMessage(
                **new.model_dump(exclude={"occurred_at"}),
                conversation_id=request.conversation_id,
                occurred_at=new.occurred_at or NOW,
                created_at=NOW,
            )
            for new in request.messages
        )
        return Messages(messages=tuple(kept))


@pytest.fixture(scope="session")
def nats_server() -> Iterator[EmbeddedNats]:
    """A server of its own: the stand-ins would answer other suites' calls too."""
    with tempfile.TemporaryDirectory(prefix="memori-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        with EmbeddedNats(Path(folder) / "nats", durable=False) as server:
            yield server


@pytest_asyncio.fixture(scope="session")
async def _stand_ins(nats_server):
    made = StandIns(nats_server.url)
    await made.broker.start()
    yield made
    await made.broker.stop()


@pytest.fixture
def services(_stand_ins):
    """The stand-ins, with their own answers again."""
    _stand_ins.reset()
    return _stand_ins


@contextlib.contextmanager
def serving(settings):
    """The URL of the gateway while it serves these settings in a thread of its own."""
    config = uvicorn.Config(create_app(settings), host="127.0.0.1", port=0, log_config=None, lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="gateway")
    thread.start()
    try:
        deadline = time.monotonic() + 20
        while not server.started:
            assert thread.is_alive(), "the gateway did not start"
            assert time.monotonic() < deadline, "the gateway did not start in time"
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)


@pytest.fixture(scope="session")
def settings(nats_server):
    """Makes production settings, but for what a test changes."""

    def make(**changes):
        return GatewaySettings(
            **{
                "environment": "production",
                "secret_key": SECRET_KEY,
                "nats_url": nats_server.url,
                "rpc_timeout_seconds": 2.0,
                **changes,
            }
        )

    return make


@pytest.fixture(scope="session")
def start_gateway(settings):
    """A context manager that serves with changed settings."""
    return lambda **changes: serving(settings(**changes))


@pytest.fixture(scope="session")
def gateway_url(start_gateway):
    with start_gateway() as url:
        yield url


@pytest.fixture(scope="session")
def token():
    """Makes the Authorization header of a user; claims can be changed, or left out with None."""

    def make(user="ada", *, key=SECRET_KEY, algorithm="HS256", **changes):
        claims = {"sub": user, "exp": time.time() + 600} | changes
        claims = {name: value for name, value in claims.items() if value is not None}
        return {"Authorization": f"Bearer {jwt.encode(claims, key, algorithm)}"}

    return make


@pytest_asyncio.fixture
async def anonymous(gateway_url):
    async with httpx.AsyncClient(base_url=gateway_url, timeout=20) as client:
        yield client


@pytest_asyncio.fixture
async def ada(gateway_url, token, services):
    async with httpx.AsyncClient(base_url=gateway_url, headers=token("ada"), timeout=20) as client:
        yield client


@pytest_asyncio.fixture
async def bob(gateway_url, token):
    async with httpx.AsyncClient(base_url=gateway_url, headers=token("bob"), timeout=20) as client:
        yield client


@pytest.fixture
def data_source():
    """A data source as sql-generator shows it."""

    def make(data_source_id):
        return sql_generator.DataSource(
            data_source_id=data_source_id,
            name="shop",
            kind="sqlite",
            status="ready",
            fingerprint="f1",
            table_count=2,
            synced_at=NOW,
            created_at=NOW,
            updated_at=NOW,
        )

    return make


@pytest.fixture
def check_problem():
    """Asserts that an answer is a whole problem document of a kind, about a field when one is given."""

    def check(answer, status, kind, field=None):
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        document = answer.json()
        assert set(document) == {"type", "title", "status", "detail", "instance", "request_id", "errors"}
        assert document["type"] == kind
        assert document["status"] == status
        assert document["instance"] == answer.url.path
        assert document["request_id"] == answer.headers["x-request-id"]
        if field is not None:
            assert field in [error["field"] for error in document["errors"]], document

    return check

"""The composition root of embedding-worker."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from contracts.embedding_worker import SERVICE
from embedding_worker import consumers, rpc
from embedding_worker.domain import cache_secret
from embedding_worker.models.catalog import create_model, recreate_model
from embedding_worker.models.watched import WatchedModel
from embedding_worker.personal_data import personal_data
from embedding_worker.queries import Queries
from embedding_worker.reconciler import Reconciler
from embedding_worker.repository import EmbeddingCache
from embedding_worker.rounds import Rounds
from embedding_worker.settings import EmbeddingWorkerSettings
from embedding_worker.takeover import Takeover
from embedding_worker.use_cases import Embeddings
from messaging import RpcClient, create_broker, unless_erased
from messaging.broker import ping, start, stop
from messaging.health import serve_health
from observability.health import Check
from persistence import Database
from persistence.erasures import Erasures
from persistence.leadership import work_while_leading
from runtime import background, health_app, serve

# While one batch is fetched or stored, the model works on another.
_LANES = 2
# Only exports and erasures see one user's rows; batches and the cache span users.
_ONE_USERS_CONNECTIONS = 2


@asynccontextmanager
async def running(settings: EmbeddingWorkerSettings) -> AsyncIterator[Mapping[str, Check]]:
    """The service at work; yields its readiness checks."""
    where: dict[str, Any] = {
        "model_dir": settings.memori_embedding_model_dir,
        "cache_dir": settings.memori_embedding_cache_dir,
        "api_key": settings.openai_api_key.get_secret_value() if settings.openai_api_key else None,
        "base_url": settings.openai_base_url,
    }
    model = WatchedModel(
        await asyncio.to_thread(
            partial(
                create_model,
                settings.memori_embedding_provider,
                model=settings.memori_embedding_model,
                dimensions=settings.memori_embedding_dimensions,
                min_similarity=settings.memory_min_similarity_threshold,
                max_tokens=settings.memori_embedding_max_tokens,
                **where,
            )
        )
    )
    worker = Database(
        settings.database_worker_url.get_secret_value(),
        application=SERVICE,
        pool_size=settings.database_worker_pool_size,
    )
    database = Database(settings.database_url.get_secret_value(), application=SERVICE, pool_size=_ONE_USERS_CONNECTIONS)
    password = settings.nats_password.get_secret_value() if settings.nats_password else None
    broker = create_broker(settings.nats_url, service=SERVICE, password=password)
    erasures = Erasures(settings.secrets, service=SERVICE)
    cache = EmbeddingCache(worker, erasures, ttl_seconds=settings.embedding_cache_ttl)
    secret = cache_secret(settings.secret_key.get_secret_value())
    client, batch = RpcClient(broker), settings.embedding_batch_size
    embeddings = Embeddings(model, cache, client, secret, batch=batch)
    seconds = settings.embedding_reconcile_seconds
    takeover = Takeover(model.name, partial(recreate_model, **where), client, Rounds(seconds))
    reconciler = Reconciler(
        model.name, embeddings, client, Rounds(seconds), batch=batch, progressed=takeover.look_again
    )
    queries = Queries(model, takeover, secret)
    rpc.register(broker, model=model.name, queries=queries, takeover=takeover, reconciler=reconciler)
    personal = personal_data(database, erasures, queries)
    personal.serve(broker, SERVICE)
    guard = partial(unless_erased, erasures=erasures, database=worker)
    memories = consumers.memories(broker, embeddings, guard, batch=batch)
    erased = consumers.erasures(broker, personal)
    checks: dict[str, Check] = {
        "database": worker.ping,
        "nats": partial(ping, broker),
        "consumer": memories.ping,
        "erasures": erased.ping,
        "embeddings": model.ping,
    }
    serve_health(broker, SERVICE, checks)
    try:
        await start(broker)
        async with background(
            *(memories.run() for _ in range(_LANES)),
            erased.run(),
            embeddings.sweep(),
            takeover.run(),
            work_while_leading(worker, f"{SERVICE}:reconciler", reconciler.run),
        ):
            yield {name: check for name, check in checks.items() if name != "embeddings"}
    finally:
        await stop(broker)
        await takeover.close()
        await model.close()
        await database.close()
        await worker.close()


def main() -> None:
    """Run the service until it is told to stop."""
    settings = EmbeddingWorkerSettings()
    serve(SERVICE, settings, health_app(partial(running, settings)))

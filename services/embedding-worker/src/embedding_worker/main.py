"""The composition root of embedding-worker."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

from embedding_worker import consumers, rpc
from embedding_worker.domain import cache_secret
from embedding_worker.models.catalog import create_model
from embedding_worker.repository import EmbeddingCache
from embedding_worker.settings import EmbeddingWorkerSettings
from embedding_worker.use_cases import Embeddings
from messaging import RpcClient, create_broker
from messaging.broker import ping, start, stop
from messaging.health import serve_health
from observability.health import Check
from persistence import Database
from runtime import background, health_app, serve

SERVICE = "embedding-worker"

# While one batch is fetched or stored, the model works on another.
_LANES = 2


@asynccontextmanager
async def running(settings: EmbeddingWorkerSettings) -> AsyncIterator[Mapping[str, Check]]:
    """The service at work; yields its readiness checks."""
    model = await asyncio.to_thread(
        partial(
            create_model,
            settings.memori_embedding_provider,
            model=settings.memori_embedding_model,
            dimensions=settings.memori_embedding_dimensions,
            min_similarity=settings.memory_min_similarity_threshold,
            model_dir=settings.memori_embedding_model_dir,
            cache_dir=settings.memori_embedding_cache_dir,
            api_key=settings.openai_api_key.get_secret_value() if settings.openai_api_key else None,
            base_url=settings.openai_base_url,
        )
    )
    worker = Database(
        settings.database_worker_url.get_secret_value(),
        application=SERVICE,
        pool_size=settings.database_worker_pool_size,
    )
    password = settings.nats_password.get_secret_value() if settings.nats_password else None
    broker = create_broker(settings.nats_url, service=SERVICE, password=password)
    cache = EmbeddingCache(worker, ttl_seconds=settings.embedding_cache_ttl)
    secret = cache_secret(settings.secret_key.get_secret_value())
    embeddings = Embeddings(model, cache, RpcClient(broker), secret)
    rpc.register(broker, embeddings)
    memories = consumers.memories(broker, embeddings, batch=settings.embedding_batch_size)
    checks: dict[str, Check] = {
        "database": worker.ping,
        "nats": partial(ping, broker),
        "consumer": memories.ping,
        "embeddings": embeddings.ping,
    }
    serve_health(broker, SERVICE, checks)
    try:
        await start(broker)
        async with background(*(memories.run() for _ in range(_LANES)), embeddings.sweep()):
            yield {name: check for name, check in checks.items() if name != "embeddings"}
    finally:
        await stop(broker)
        await model.close()
        await worker.close()


def main() -> None:
    """Run the service until it is told to stop."""
    settings = EmbeddingWorkerSettings()
    serve(SERVICE, settings, health_app(partial(running, settings)))

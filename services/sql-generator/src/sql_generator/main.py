"""The composition root of sql-generator."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial

from contracts.sql_generator import SERVICE
from messaging import (
    Outbox,
    Relay,
    RpcClient,
    create_broker,
    serve_health,
    serve_refused_commands,
    unless_erased,
)
from messaging.broker import ping, start, stop
from observability.health import Check
from persistence import Database
from persistence.erasures import Erasures
from persistence.leadership import work_while_leading
from persistence.sealing import SecretBox
from runtime import background, health_app, serve
from sql_generator import consumers, rpc
from sql_generator.connections import Connections
from sql_generator.generation.breaker import BreakingModel
from sql_generator.generation.chain import ModelChain
from sql_generator.generation.factory import create_model
from sql_generator.generation.model import SqlModel
from sql_generator.observed_model import ObservedModel
from sql_generator.progress import Reporter
from sql_generator.settings import Provider, SqlGeneratorSettings
from sql_generator.sources import Limits
from sql_generator.sources.cached import ResultCache
from sql_generator.sources.connect import ConnectPolicy
from sql_generator.tables import outbox as outbox_table
from sql_generator.uploads.converter import ConversionLimits
from sql_generator.uploads.store import FileStore
from sql_generator.use_cases.accounts import Accounts
from sql_generator.use_cases.context import ContextGatherer
from sql_generator.use_cases.conversions import Conversions
from sql_generator.use_cases.data_sources import DataSourceUseCases
from sql_generator.use_cases.feedback import FeedbackUseCases
from sql_generator.use_cases.files import FileUseCases
from sql_generator.use_cases.history import HistoryUseCases
from sql_generator.use_cases.personal_data import personal_data
from sql_generator.use_cases.precedents import Precedents
from sql_generator.use_cases.queries import QueryUseCases
from sql_generator.use_cases.recall import RecallUseCases
from sql_generator.use_cases.recommending import Recommending
from sql_generator.use_cases.recording import Recorder
from sql_generator.use_cases.rule_matching import RuleMatching
from sql_generator.use_cases.rules import RuleUseCases
from sql_generator.use_cases.rules_from_memories import RulesFromMemories
from sql_generator.use_cases.writing import Writer


@asynccontextmanager
async def running(settings: SqlGeneratorSettings) -> AsyncIterator[Mapping[str, Check]]:
    """The service at work; yields its readiness checks."""
    observed = [_observed(settings, provider, name) for provider, name in settings.llm_chain]
    model = _model(settings, observed)
    database = Database(
        settings.database_url.get_secret_value(),
        application=SERVICE,
        pool_size=settings.database_pool_size,
        max_overflow=settings.database_max_overflow,
    )
    worker = Database(
        settings.database_worker_url.get_secret_value(),
        application=f"{SERVICE}-worker",
        pool_size=settings.database_worker_pool_size,
    )
    password = settings.nats_password.get_secret_value() if settings.nats_password else None
    broker = create_broker(settings.nats_url, service=SERVICE, password=password)
    client = RpcClient(broker)
    outbox = Outbox(outbox_table)
    relay = Relay(SERVICE, worker, broker, outbox)
    uploads = FileStore(settings.uploads_url)
    connections = Connections(
        SecretBox.from_secrets(settings.secrets, purpose="memori connection secrets"),
        _policy(settings),
        uploads,
        ResultCache(settings.query_cache_seconds) if settings.query_cache_seconds else None,
    )
    erasures = Erasures(settings.secrets, service=SERVICE)
    accounts = Accounts(database, erasures, model, settings.prices, settings.budgets)
    personal = personal_data(database, erasures, connections, uploads)
    data_sources = DataSourceUseCases(database, outbox, connections, erasures, uploads)
    conversions = Conversions(
        database, worker, connections, erasures, uploads, data_sources, _conversion_limits(settings)
    )
    files = FileUseCases(
        database,
        outbox,
        connections,
        erasures,
        uploads,
        conversions,
        max_bytes=settings.upload_max_bytes,
        max_files=settings.upload_max_files,
    )
    rules = RuleUseCases(database, erasures, activates_learned=settings.rules_activate_learned)
    from_memories = RulesFromMemories(database, client, erasures)
    writer = Writer(_limits(settings))
    recorder = Recorder(database, outbox, erasures) if settings.memori_enabled else None
    recommending = Recommending(database, data_sources)
    gatherer = ContextGatherer(
        database, client, max_memories=settings.memory_max_context_memories, recall=settings.memori_enabled
    )
    queries = QueryUseCases(
        database,
        data_sources,
        recommending,
        connections,
        gatherer,
        writer,
        accounts,
        recorder,
        Precedents(database) if settings.memori_enabled else None,
        Reporter(broker),
    )
    rpc.register(
        broker,
        data_sources=data_sources,
        files=files,
        rules=rules,
        matching=RuleMatching(database, data_sources),
        queries=queries,
        feedback=FeedbackUseCases(database, outbox, data_sources, connections, writer, recorder),
        past=HistoryUseCases(database),
        accounts=accounts,
        recall=RecallUseCases(data_sources, recommending, gatherer),
        recommending=recommending,
        personal=personal,
    )
    serve_refused_commands(broker, SERVICE, worker, outbox)
    memories = consumers.memories(broker, from_memories, partial(unless_erased, erasures=erasures, database=database))
    erased = consumers.erasures(broker, personal)
    checks: dict[str, Check] = {
        "database": database.ping,
        "nats": partial(ping, broker),
        "consumer": memories.ping,
        "erasures": erased.ping,
    }
    # A model that is away makes answers worse, not the service unready: everything else goes on working.
    serve_health(broker, SERVICE, {**checks, "llm": observed[0].ping})
    warming = asyncio.create_task(observed[0].warm())
    try:
        await start(broker)
        converting = [conversions.run] * settings.upload_conversions
        files_work = work_while_leading(worker, f"files:{SERVICE}", conversions.sweep, *converting)
        async with background(relay.run(), memories.run(), erased.run(), files_work):
            yield checks
    finally:
        await stop(broker)
        warming.cancel()
        await asyncio.gather(warming, return_exceptions=True)
        await model.close()
        await database.close()
        await worker.close()


def _observed(settings: SqlGeneratorSettings, provider: Provider, name: str | None) -> ObservedModel:
    return ObservedModel(
        create_model(
            provider,
            model=name,
            api_key=settings.api_key_of(provider),
            base_url=settings.base_url_of(provider),
            max_tokens=settings.memori_llm_max_tokens,
            timeout=settings.memori_llm_timeout_seconds,
        )
    )


def _model(settings: SqlGeneratorSettings, models: Sequence[SqlModel]) -> ModelChain:
    failures, seconds = settings.memori_llm_breaker_failures, settings.memori_llm_breaker_seconds
    return ModelChain([BreakingModel(model, failures=failures, seconds=seconds) for model in models])


def _policy(settings: SqlGeneratorSettings) -> ConnectPolicy:
    return ConnectPolicy(
        hosts=settings.data_source_hosts,
        files_root=settings.data_source_files_root,
        unix_sockets=settings.data_source_unix_sockets,
        strict=settings.environment != "development",
    )


def _conversion_limits(settings: SqlGeneratorSettings) -> ConversionLimits:
    return ConversionLimits(
        seconds=settings.upload_conversion_seconds,
        rows=settings.upload_max_rows,
        columns=settings.upload_max_columns,
        expanded_bytes=settings.upload_max_expanded_bytes,
    )


def _limits(settings: SqlGeneratorSettings) -> Limits:
    return Limits(rows=settings.query_max_rows, bytes=settings.query_max_bytes, seconds=settings.query_timeout_seconds)


def main() -> None:
    """Run the service until it is told to stop."""
    settings = SqlGeneratorSettings()
    serve(SERVICE, settings, health_app(partial(running, settings)))

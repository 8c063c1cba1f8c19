"""What the product costs over its floor, measured side by side in one run; prints a Markdown table."""

import argparse
import asyncio
import os
import random
import shutil
import tempfile
import time
import urllib.request
from pathlib import Path
from uuid import uuid4

import asyncpg
import http_load
import nats
import numpy as np
from pgvector import HalfVector
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from texts import question, sentence

from contracts.events import parse_event
from contracts.permissions import SUBSCRIBER
from contracts.topology import MIGRATOR, REVIEW_MEMORIES
from embedding_worker.models.catalog import create_model
from embedding_worker.models.weights import EncoderFiles
from memori_cli.local.stack import LocalStack
from memory_store.domain import analyzer
from memory_store.repository.search import statement


class Table:
    def __init__(self) -> None:
        self.rows: list[tuple[str, str, str, str]] = []

    def add(self, what: str, measured: str, floor: str = "", ratio: str = "") -> None:
        self.rows.append((what, measured, floor, ratio))
        print(f"  {what}: {measured}{f' · floor {floor} · ratio {ratio}' if floor else ''}", flush=True)

    def markdown(self) -> str:
        lines = ["| what | measured | floor | ratio |", "|---|---|---|---|"]
        return "\n".join(lines + [f"| {' | '.join(row)} |" for row in self.rows])


async def vectors_of(stack: LocalStack) -> int:
    connection = await asyncpg.connect(stack.admin_url)
    count = await connection.fetchval("select count(*) from memory_store.memori_memory_vectors")
    await connection.close()
    return count


def get(url: str) -> None:
    with urllib.request.urlopen(url, timeout=10) as answer:
        answer.read()


async def floor_search(
    stack: LocalStack, searches: list[tuple[str, str]], vectors: dict[str, np.ndarray], *, clients: int
):
    """The statement memory-store runs, through asyncpg alone, under the same role and row-level security."""
    compiled = statement(models=1).compile(dialect=dialect())
    sql = str(compiled)
    names = compiled.positiontup
    pool = await asyncpg.create_pool(stack.database_url("memory_store_app"), min_size=clients, max_size=clients)
    queue = iter(searches)
    latencies: list[float] = []
    model = vectors["model"]

    async def client() -> None:
        async with pool.acquire() as connection:
            await connection.execute("set jit = off")
            await connection.execute("set max_parallel_workers_per_gather = 0")
            for user, text in queue:
                started = time.perf_counter()
                vector = vectors[text]
                values = {
                    "tenant_id": "default",
                    "user_id": user,
                    "terms": list(dict.fromkeys(analyzer.terms(text))),
                    "vector_0": HalfVector(vector).to_text(),
                    "dimensions_0": len(vector),
                    "model_0": model,
                }
                async with connection.transaction():
                    await connection.execute(
                        "select set_config('app.tenant_id', $1, true), set_config('app.user_id', $2, true)",
                        "default",
                        user,
                    )
                    await connection.fetch(sql, *(values[name] for name in names))
                latencies.append(time.perf_counter() - started)

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    load = http_load.Load(len(latencies), time.perf_counter() - started, latencies)
    await pool.close()
    return load


async def to_searchable(stack: LocalStack, users: list[str], rng: random.Random, count: int) -> list[float]:
    """Seconds from the answer to a stored memory until `memory.embedded` says that it is found by meaning."""
    client = await nats.connect(stack.subscriber_url(), inbox_prefix=f"_INBOX.{SUBSCRIBER}")
    embedded: dict[str, asyncio.Future[float]] = {}

    async def seen(message) -> None:
        memory_id = str(parse_event(message.data).data.memory_id)
        if memory_id in embedded and not embedded[memory_id].done():
            embedded[memory_id].set_result(time.perf_counter())

    await client.subscribe("memory.embedded", cb=seen)
    await client.flush()
    waits = []
    for _ in range(count):
        memory_id = str(uuid4())
        embedded[memory_id] = asyncio.get_running_loop().create_future()
        body = {"memory_id": memory_id, "content": sentence(rng)}
        await http_load.run(stack.gateway_url, [(rng.choice(users), "/api/memories", body)], clients=1)
        stored = time.perf_counter()
        waits.append(max(0.0, await asyncio.wait_for(embedded[memory_id], 30) - stored))
    await client.close()
    return waits


async def reviewed(stack: LocalStack) -> None:
    """Wait until no memory waits to be held against those it resembles."""
    client = await nats.connect(stack.nats.url, user=MIGRATOR, password=stack.secrets.nats[MIGRATOR])
    while True:
        info = await client.jetstream().consumer_info(REVIEW_MEMORIES.stream, REVIEW_MEMORIES.name)
        if not info.num_pending and not info.num_ack_pending:
            break
        await asyncio.sleep(0.5)
    await client.close()


def another_model(folder: Path) -> Path:
    """The same weights under another checksum, and so another name: vectors of it are of a model of their own."""
    files = EncoderFiles.packaged().directory
    shutil.copytree(files, folder)
    with (folder / "model.safetensors").open("r+b") as weights:
        length = int.from_bytes(weights.read(8), "little")
        header = weights.read(length)
        # The header is JSON padded with blanks: one of them may as well be a tab.
        weights.seek(8)
        weights.write(header[:-1] + b"\t" if header.endswith(b" ") else header)
    return folder


async def reembed(stack: LocalStack, table: Table, model: str, *, users: list[str], bare: float) -> None:
    """Everything is embedded by another model while searches go on."""
    rng = random.Random(9)
    connection = await asyncpg.connect(stack.admin_url)
    total = await connection.fetchval("select count(*) from memory_store.memori_memories")
    await connection.close()
    before, started = await covered(stack, model), time.perf_counter()
    asked = 0
    while (done := await covered(stack, model)) < total:
        requests = [(rng.choice(users), "/api/memories/search", {"query": question(rng)}) for _ in range(20)]
        await http_load.run(stack.gateway_url, requests, clients=1)
        asked += len(requests)
        await asyncio.sleep(0.5)
    rate = (done - before) / (time.perf_counter() - started)
    table.add(
        f"embed {total:,} memories again by another model, while {asked} searches are answered",
        f"{rate:.0f} memories/s",
        f"{bare:.0f} texts/s, the bare model",
        f"{rate / bare:.2f}",
    )


async def covered(stack: LocalStack, model: str) -> int:
    connection = await asyncpg.connect(stack.admin_url)
    count = await connection.fetchval(
        "select count(*) from memory_store.memori_memory_vectors where model = $1 and chunk = 0", model
    )
    await connection.close()
    return count


async def measure(stack: LocalStack, table: Table, *, users: int, memories: int, searches: int, clients: int) -> float:
    """Measure everything that one model does; returns the bare model's texts a second."""
    rng = random.Random(7)
    names = users_of(users)
    model = await asyncio.to_thread(create_model, "local")

    singles = [(rng.choice(names), "/api/memories", {"content": sentence(rng)}) for _ in range(1_000)]
    load = await http_load.run(stack.gateway_url, singles, clients=clients)
    table.add(
        f"create, {clients} clients",
        f"{load.rate:.0f}/s, p50 {load.percentile(0.5):.1f} ms, p95 {load.percentile(0.95):.1f} ms",
    )
    while await vectors_of(stack) < len(singles):
        await asyncio.sleep(0.2)

    texts = [sentence(rng) for _ in range(users * memories)]
    sample = texts[:2_000]
    started = time.perf_counter()
    for start in range(0, len(sample), 64):
        await model.embed(sample[start : start + 64])
    bare = len(sample) / (time.perf_counter() - started)
    batches = [
        (
            names[n % users],
            "/api/memories/batch",
            {"memories": [{"content": text} for text in texts[start : start + 500]]},
        )
        for n, start in enumerate(range(0, len(texts), 500))
    ]
    before = await vectors_of(stack)
    started = time.perf_counter()
    load = await http_load.run(stack.gateway_url, batches, clients=2)
    stored = time.perf_counter() - started
    while await vectors_of(stack) < before + len(texts):
        await asyncio.sleep(0.2)
    piped = len(texts) / (time.perf_counter() - started)
    table.add("create in batches of 500", f"{len(texts) / stored:.0f} memories/s")
    table.add(
        "embedding pipeline, created to searchable",
        f"{piped:.0f} texts/s",
        f"{bare:.0f} texts/s, the bare model",
        f"{piped / bare:.2f}",
    )

    started = time.perf_counter()
    await reviewed(stack)
    print(f"  reviews done {time.perf_counter() - started:.0f} s after the last vector")
    waits = sorted(await to_searchable(stack, names, rng, 200))
    table.add(
        "from stored to found by meaning, one at a time",
        f"p50 {1000 * waits[len(waits) // 2]:.0f} ms, p95 {1000 * waits[int(len(waits) * 0.95)]:.0f} ms",
    )

    pool = [question(rng) for _ in range(200)]
    plan = [(rng.choice(names), rng.choice(pool)) for _ in range(searches)]
    vectors: dict = {text: await model.embed_query(text) for text in pool}
    vectors["model"] = model.name
    requests = [(user, "/api/memories/search", {"query": text}) for user, text in plan]
    await http_load.run(
        stack.gateway_url,
        [(user, "/api/memories/search", {"query": text}) for user in names for text in pool],
        clients=clients,
    )
    await floor_search(stack, plan[:200], vectors, clients=clients)
    for round_number in (1, 2, 3):
        floor = await floor_search(stack, plan, vectors, clients=clients)
        asked = await http_load.run(stack.gateway_url, requests, clients=clients)
        table.add(
            f"search, {memories:,} memories a user, asked before, {clients} clients (round {round_number})",
            f"{asked.rate:.0f}/s, p50 {asked.percentile(0.5):.1f} ms, p95 {asked.percentile(0.95):.1f} ms",
            f"{floor.rate:.0f}/s, p50 {floor.percentile(0.5):.1f} ms, the same SQL through asyncpg",
            f"{asked.rate / floor.rate:.2f}",
        )
    fresh = [(rng.choice(names), "/api/memories/search", {"query": f"{question(rng)} ({n})"}) for n in range(searches)]
    load = await http_load.run(stack.gateway_url, fresh, clients=clients)
    table.add(
        f"search, every question new, {clients} clients",
        f"{load.rate:.0f}/s, p50 {load.percentile(0.5):.1f} ms, p95 {load.percentile(0.95):.1f} ms",
    )
    load = await http_load.run(stack.gateway_url, requests[: searches // 4], clients=1)
    alone = await floor_search(stack, plan[: searches // 4], vectors, clients=1)
    table.add(
        "search, one client",
        f"{load.rate:.0f}/s, p50 {load.percentile(0.5):.1f} ms, p95 {load.percentile(0.95):.1f} ms",
        f"p50 {alone.percentile(0.5):.1f} ms",
        f"{load.rate / alone.rate:.2f}",
    )
    await model.close()
    return bare


def users_of(count: int) -> list[str]:
    return [f"bench-{n}" for n in range(count)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=10)
    parser.add_argument("--memories", type=int, default=1_000)
    parser.add_argument("--searches", type=int, default=2_000)
    parser.add_argument("--clients", type=int, default=8)
    arguments = parser.parse_args()
    table = Table()
    settings = {"MEMORI_LLM_PROVIDER": "offline"}
    with tempfile.TemporaryDirectory(prefix="memori-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        with LocalStack(folder / "home", restart=False, settings=settings) as stack:
            bare = asyncio.run(measure(stack, table, **vars(arguments)))
        other = another_model(folder / "other-model")
        settings["MEMORI_EMBEDDING_MODEL_DIR"] = str(other)
        with LocalStack(folder / "home", restart=False, settings=settings) as stack:
            model = EncoderFiles.of(other).model_name()
            asyncio.run(reembed(stack, table, model, users=users_of(arguments.users), bare=bare))
    print()
    print(f"{os.cpu_count()} cores shared by everything, the load generator included\n")
    print(table.markdown())


if __name__ == "__main__":
    main()

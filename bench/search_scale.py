"""Search at every size. First, users with 100 to 50,000 memories inside a table of 200,000: what share of the exact
answer is found, and latency with eight clients. Then, a user with 1,000 memories while the table grows to 500,000.

Prints Markdown tables.
"""

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import http_load
import numpy as np
from loading import MODEL, Loader, without_index
from pgvector.asyncpg import register_vector
from texts import question

from contracts.identity import Identity
from embedding_worker.models.catalog import create_model
from memori_cli.local.stack import LocalStack
from memory_store.domain import analyzer
from memory_store.domain.bm25 import Collection
from memory_store.domain.ranking import rank
from memory_store.repository import candidates, search
from memory_store.repository.candidates import SESSION_SETTINGS
from memory_store.repository.codecs import speak_vectors
from memory_store.repository.search import Filters, QueryVector
from memory_store.repository.unpacking import unpacked
from memory_store.use_cases.search import EXACT_UP_TO, SCAN_UP_TO
from persistence import Database

SIZES = (100, 1_000, 10_000, 50_000)
OTHERS = 1_000
TOTAL = 200_000


async def fill(stack: LocalStack, loader: Loader, users: Sequence[tuple[str, int]]) -> float:
    """Load users; the approximate index is built afterwards. Returns the seconds that took."""
    connection = await asyncpg.connect(stack.admin_url)
    await register_vector(connection)
    definition = await without_index(connection)
    for user, count in users:
        await loader.add(connection, user, count)
    started = time.perf_counter()
    await connection.execute("set maintenance_work_mem = '1GB'")
    await connection.execute(definition)
    took = time.perf_counter() - started
    await connection.execute("vacuum analyze")
    await connection.close()
    return took


async def recalls(database: Database, user: str, asked: dict[str, np.ndarray], limit: int) -> tuple[float, float]:
    """Of the exact answers, the share that the search finds: of the nearest by cosine, and of the best by score.

    Both sides weigh alike (the same counts and spreads); exact means that every memory is looked at.
    """
    owner = Identity("default", user)
    near, best = [], []
    size = None
    for text, vector in asked.items():
        query, terms = [QueryVector(vector, MODEL, 0.2)], analyzer.terms(text)
        async with database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            size = size or await candidates.extent(transaction, owner)
            if size.memories <= SCAN_UP_TO:
                return 1.0, 1.0
            found = await candidates.signals(
                transaction, owner, terms, query, Filters(), size,
                approximate=size.memories > EXACT_UP_TO, wanted=100, sharing=False,
            )  # fmt: skip
            values = search.parameters(owner, terms, query, Filters())
            rows = (await transaction.execute(search.statement(models=1), values)).all()
        model = found.models[0]
        everything = unpacked(
            rows, [0.2],
            collection=Collection(size.memories, size.mean_length), spreads=[(model.mean, model.deviation)],
            counts=size.counts,
        )  # fmt: skip
        nearest = everything.numbers[np.argsort(-everything.models[0].values)[:limit]]
        near.append(np.isin(nearest, found.numbers).mean())
        wanted = {hit.memory_no for hit in rank(everything, strict=False, limit=limit)}
        got = {hit.memory_no for hit in rank(found, strict=False, limit=limit)}
        best.append(len(wanted & got) / len(wanted))
    return float(np.mean(near)), float(np.mean(best))


def searches_of(user: str, questions: Sequence[str], count: int) -> list[tuple[str, str, dict]]:
    rng = random.Random(11)
    return [(user, "/api/memories/search", {"query": rng.choice(questions)}) for _ in range(count)]


async def by_size(
    stack: LocalStack, loader: Loader, asked: dict[str, np.ndarray], *, total: int, searches: int
) -> None:
    users = [(f"user-{size}", size) for size in SIZES]
    others = [(f"other-{n}", OTHERS) for n in range(max(0, total - sum(SIZES)) // OTHERS)]
    built = await fill(stack, loader, [*users, *others])
    print(f"\n{total:,} memories; their approximate index is built in {built:.0f} s\n", flush=True)
    database = Database(
        stack.database_url("memory_store_app"), application="bench", pool_size=1, settings=SESSION_SETTINGS
    )
    speak_vectors(database)
    print("| memories of the user | nearest 10 found | best 10 found | 1 client, p50 | 8 clients, p50 | p95 | rate |")
    print("|---|---|---|---|---|---|---|")
    for user, size in users:
        near, best = await recalls(database, user, asked, 10)
        plan = searches_of(user, list(asked), searches)
        await http_load.run(stack.gateway_url, plan[:40], clients=8)
        alone = await http_load.run(stack.gateway_url, plan[: searches // 4], clients=1)
        made = await http_load.run(stack.gateway_url, plan, clients=8)
        print(
            f"| {size:,} | {near:.1%} | {best:.1%} | {alone.percentile(0.5):.1f} ms | {made.percentile(0.5):.1f} ms"
            f" | {made.percentile(0.95):.1f} ms | {made.rate:.0f}/s |",
            flush=True,
        )
    await database.close()


async def by_total(stack: LocalStack, loader: Loader, asked: dict[str, np.ndarray], *, searches: int) -> None:
    print("\n| memories in all | of the user | 1 client, p50 | 8 clients, p50 | p95 |\n|---|---|---|---|---|")
    held = 0
    for total in (1_000, 10_000, 100_000, 500_000):
        users = [(f"user-{n}", OTHERS) for n in range(held // OTHERS, total // OTHERS)]
        await fill(stack, loader, users)
        held = total
        plan = searches_of("user-0", list(asked), searches)
        await http_load.run(stack.gateway_url, plan[:40], clients=8)
        alone = await http_load.run(stack.gateway_url, plan[: searches // 4], clients=1)
        made = await http_load.run(stack.gateway_url, plan, clients=8)
        print(
            f"| {total:,} | {OTHERS:,} | {alone.percentile(0.5):.1f} ms | {made.percentile(0.5):.1f} ms"
            f" | {made.percentile(0.95):.1f} ms |",
            flush=True,
        )


async def measure(stack: LocalStack, *, part: str, questions: int, total: int, searches: int) -> None:
    model = await asyncio.to_thread(create_model, "local")
    rng = random.Random(7)
    asked = {
        text: np.asarray(await model.embed_query(text), dtype=np.float32)
        for text in (question(rng) for _ in range(questions))
    }
    loader = await Loader.create(model)
    await model.close()
    if part == "size":
        await by_size(stack, loader, asked, total=total, searches=searches)
    else:
        await by_total(stack, loader, asked, searches=searches)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=["size", "total"], choices=["size", "total"])
    parser.add_argument("--total", type=int, default=TOTAL)
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--searches", type=int, default=800)
    arguments = vars(parser.parse_args())
    for part in arguments.pop("parts"):
        with tempfile.TemporaryDirectory(prefix="memori-bench-") as folder:
            Path(folder).chmod(0o711)
            with LocalStack(Path(folder), restart=False, settings={"MEMORI_LLM_PROVIDER": "offline"}) as stack:
                asyncio.run(measure(stack, part=part, **arguments))


if __name__ == "__main__":
    main()

"""What a question is shown: does a past query with the very SQL it needs come first, are its tables among the first
five, and what does choosing among very many past queries take?

`DIR` is as `memori eval sql` takes it. Each question with a twin (another of the same gold SQL) is ranked against all
other questions of its database. Databases are split in two halves, every other one by name: weights were chosen on the
first. Prints Markdown tables.
"""

import argparse
import asyncio
import math
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from unittest.mock import patch
from uuid import uuid4

import asyncpg
import numpy as np

from contracts.embedding_worker import Embedding
from contracts.identity import Identity
from embedding_worker.models.catalog import create_model
from memori_cli.evaluation.metrics import percentile
from memori_cli.evaluation.text2sql.dataset import Question, Suite, read
from memori_cli.local.stack import LocalStack
from persistence import Database
from sql_generator.domain import likeness
from sql_generator.domain.likeness import Past
from sql_generator.domain.patterns import examples_for
from sql_generator.domain.questions import question_key
from sql_generator.generation.model import GenerationContext
from sql_generator.generation.schema_excerpt import ranked_tables
from sql_generator.repository import patterns
from sql_generator.sources.file_source import FileSource
from sql_guard import check

MODEL = "all-MiniLM-L6-v2"
SIZES = (1_000, 10_000)
NGRAMS = range(2, 5)

Scores = Callable[[list[Question], np.ndarray], np.ndarray]


def cosines(_: list[Question], vectors: np.ndarray) -> np.ndarray:
    return vectors @ vectors.T


def alike(questions: list[Question], vectors: np.ndarray) -> np.ndarray:
    near = cosines(questions, vectors)
    scores = np.zeros_like(near)
    for at, question in enumerate(questions):
        others = [other for other in range(len(questions)) if other != at]
        pasts = [Past(questions[n].text, questions[n].gold_sql, max(0.0, float(near[at, n]))) for n in others]
        scores[at, others] = likeness.likeness(question.text, pasts)
    return scores


def without(term: str) -> Scores:
    def scores(questions: list[Question], vectors: np.ndarray) -> np.ndarray:
        with patch.dict(likeness._WEIGHTS, {term: 0.0}):  # noqa: SLF001
            return alike(questions, vectors)

    return scores


def characters(questions: list[Question], _: np.ndarray) -> np.ndarray:
    """The cosine of TF-IDF of character n-grams, the plainest thing that may be tried."""
    counts = [
        Counter(text[at : at + n] for n in NGRAMS for at in range(len(text) - n + 1))
        for text in (f" {question.text.lower()} " for question in questions)
    ]
    frequency = Counter(gram for one in counts for gram in one)
    place = {gram: at for at, gram in enumerate(frequency)}
    matrix = np.zeros((len(counts), len(place)))
    for row, one in enumerate(counts):
        for gram, count in one.items():
            matrix[row, place[gram]] = (1 + math.log(count)) * (1 + math.log(len(counts) / frequency[gram]))
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    return matrix @ matrix.T


def ranks(questions: list[Question], scores: np.ndarray) -> Iterable[int]:
    """For each question with a twin the rank, among distinct SQL, of its own."""
    twins = Counter(question.gold_sql for question in questions)
    np.fill_diagonal(scores, -np.inf)
    for question, row in zip(questions, scores, strict=True):
        if twins[question.gold_sql] > 1:
            best_first = dict.fromkeys(questions[at].gold_sql for at in np.argsort(-row, kind="stable")[:-1])
            yield list(best_first).index(question.gold_sql) + 1


def retrieval(suite: Suite, vectors: dict[str, np.ndarray]) -> None:
    print("| ranked by | R@1, first half | R@1, second half | R@1 | R@5 |\n|---|--:|--:|--:|--:|")
    variants: dict[str, Scores] = {"likeness": alike}
    variants |= {f"… without {term}": without(term) for term in likeness._WEIGHTS}  # noqa: SLF001
    variants |= {"cosine of the embeddings": cosines, "character n-grams, TF-IDF": characters}
    for name, scores in variants.items():
        halves = ([], [])
        for number, database in enumerate(suite.databases):
            questions = suite.of(database)
            halves[number % 2].extend(ranks(questions, scores(questions, vectors[database])))
        both = halves[0] + halves[1]
        shares = [sum(rank == 1 for rank in some) / len(some) for some in (*halves, both)]
        at_5 = sum(rank <= 5 for rank in both) / len(both)
        print(f"| {name} | {' | '.join(f'{share:.3f}' for share in (*shares, at_5))} |", flush=True)


async def tables(suite: Suite) -> None:
    """Of the tables that the gold SQL reads, the share among the first five for the question."""
    recalls, whole = [], []
    for database, path in suite.databases.items():
        schema = await FileSource("sqlite", path.resolve()).introspect()
        for question in suite.of(database):
            needed = {name.casefold() for name in check(question.gold_sql, "sqlite").tables}
            ranked = ranked_tables(GenerationContext(question.text, schema))
            recalls.append(len(needed & {name.casefold() for name in ranked[:5]}) / len(needed))
            if len(schema.tables) > 5:
                whole.append(recalls[-1])
    print(
        f"\ntables: recall@5 {sum(recalls) / len(recalls):.4f}, "
        f"{sum(whole) / len(whole):.4f} where a database has more than five"
    )


async def scale(stack: LocalStack, questions: list[Question], vectors: np.ndarray) -> None:
    """Choosing examples among very many past queries of one data source."""
    print("\n| past queries of a source | read, p50 ms | p95 ms | ranked, p50 ms | p95 ms |\n|--:|--:|--:|--:|--:|")
    connection = await asyncpg.connect(stack.admin_url)
    database = Database(stack.database_url("sql_generator_app"), application="bench", pool_size=1)
    rng = np.random.default_rng(7)
    for size in SIZES:
        owner, source = Identity("default", f"user-{size}"), uuid4()
        await connection.execute(
            "insert into sql_generator.memori_data_sources (tenant_id, user_id, data_source_id, name, kind, connection,"
            " table_count, status, status_detail) values ($1, $2, $3, 'many', 'sqlite', '', 0, 'registered', '')",
            owner.tenant_id, owner.user_id, source,
        )  # fmt: skip
        chosen = rng.integers(0, len(questions), size)
        noise = rng.standard_normal((size, vectors.shape[1])) / math.sqrt(vectors.shape[1])
        moved = vectors[chosen] + 0.35 * noise
        rows = [
            (
                uuid4(),
                source,
                owner.tenant_id,
                owner.user_id,
                questions[n].text,
                question_key(questions[n].text),
                questions[n].gold_sql,
                str(vector.tolist()),
            )
            for n, vector in zip(chosen, moved.round(4), strict=True)
        ]
        await connection.executemany(
            "insert into sql_generator.memori_query_patterns (pattern_id, data_source_id, tenant_id, user_id,"
            " natural_language_query, question_key, generated_sql, question_embedding, embedding_model, status,"
            " was_successful, trust, verified_by, verified_at) values ($1, $2, $3, $4, $5, $6, $7,"
            f" $8::text::public.vector, '{MODEL}', 'executed', true, 'verified', 'person', now())",
            rows,
        )
        await connection.execute("analyze sql_generator.memori_query_patterns")
        read_ms, ranked_ms = [], []
        for at in rng.integers(0, len(questions), 100):
            vector = vectors[at].astype("<f4").tobytes()
            asked = Embedding(model=MODEL, dimensions=vectors.shape[1], embedding=vector, min_similarity=0.2)
            started = time.perf_counter()
            async with database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
                found = await patterns.candidates(transaction, owner, source, questions[at].text, asked)
            read_ms.append(1000 * (time.perf_counter() - started))
            started = time.perf_counter()
            examples_for(questions[at].text, found)
            ranked_ms.append(1000 * (time.perf_counter() - started))
        shown = [percentile(some, share) for some in (read_ms, ranked_ms) for share in (0.5, 0.95)]
        print(f"| {size:,} | {' | '.join(f'{ms:.1f}' for ms in shown)} |", flush=True)
    await database.close()
    await connection.close()


async def embedded(suite: Suite) -> dict[str, np.ndarray]:
    model = await asyncio.to_thread(create_model, "local", model=MODEL)
    found = {name: await model.embed([question.text for question in suite.of(name)]) for name in suite.databases}
    await model.close()
    return {name: vectors / np.linalg.norm(vectors, axis=1, keepdims=True) for name, vectors in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", metavar="DIR", type=Path)
    parser.add_argument("--parts", nargs="*", default=["retrieval", "tables", "scale"])
    arguments = parser.parse_args()
    suite = read(arguments.folder)
    vectors = asyncio.run(embedded(suite))
    if "retrieval" in arguments.parts:
        retrieval(suite, vectors)
    if "tables" in arguments.parts:
        asyncio.run(tables(suite))
    if "scale" in arguments.parts:
        everything = [question for name in suite.databases for question in suite.of(name)]
        with tempfile.TemporaryDirectory(prefix="memori-bench-") as home:
            Path(home).chmod(0o711)
            with LocalStack(Path(home), restart=False, settings={"MEMORI_LLM_PROVIDER": "offline"}) as stack:
                asyncio.run(scale(stack, everything, np.concatenate(list(vectors.values()))))


if __name__ == "__main__":
    main()

"""Rows as storing and embedding memories leaves them, written straight into Postgres.

200,000 embeddings would take ten minutes: the texts are generated, each vector is that of one of some thousand
generated sentences, embedded by the real model, with a little noise.
"""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import numpy as np
from pgvector import HalfVector
from texts import sentence

from memory_store.domain import analyzer

MODEL = "all-MiniLM-L6-v2"
TURNS = 20
NOISE = 0.35
DISTINCT = 12_000
NOW = datetime.now(UTC)
INDEX = "memory_store.memori_memory_vectors_all_minilm_l6_v2"


class Loader:
    """Writes memories of users; `texts` and `vectors` belong together."""

    def __init__(self, texts: list[str], vectors: np.ndarray, seed: int = 7) -> None:
        self.texts = texts
        self.vectors = vectors
        self.analyzed = [analyzer.terms(text) for text in texts]
        self.rng = np.random.default_rng(seed)

    @classmethod
    async def create(cls, model) -> "Loader":
        rng = random.Random(7)
        texts = [sentence(rng) for _ in range(DISTINCT)]
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        vectors = np.empty((len(texts), model.dimensions), dtype=np.float32)
        for start in range(0, len(order), 64):
            batch = order[start : start + 64]
            vectors[batch] = await model.embed([texts[place] for place in batch])
        return cls(texts, vectors)

    async def add(self, connection: asyncpg.Connection, user: str, count: int) -> None:
        """`count` memories of a user, in conversations of some turns."""
        choices = self.rng.integers(0, len(self.texts), count)
        conversations = [uuid4() for _ in range(-(-count // TURNS))]
        ids = [uuid4() for _ in range(count)]
        await self._copy(
            connection,
            "conversations",
            ["conversation_id"],
            [("default", user, conversation) for conversation in conversations],
        )
        columns = ["memory_id", "conversation_id", "content", "content_hash", "analyzer_version", "length"]
        await self._copy(
            connection,
            "memories",
            [*columns, "memory_type", "occurred_at", "created_at"],
            [
                ("default", user, ids[n], conversations[n // TURNS], *self._content(choice), "long_term", then, NOW)
                for n, choice in enumerate(choices)
                for then in [NOW - timedelta(minutes=count - n)]
            ],
        )
        rows = await connection.fetch(
            "select memory_id, memory_no from memory_store.memori_memories where user_id = $1", user
        )
        numbers: dict[UUID, int] = {row["memory_id"]: row["memory_no"] for row in rows}
        await self._copy(
            connection,
            "memory_terms",
            ["term", "memory_no", "frequency", "length"],
            [
                ("default", user, term, numbers[ids[n]], frequency, len(self.analyzed[choice]))
                for n, choice in enumerate(choices)
                for term, frequency in Counter(self.analyzed[choice]).items()
            ],
        )
        await self._copy(
            connection,
            "memory_vectors",
            ["memory_no", "model", "dimensions", "content_version", "embedding"],
            [
                ("default", user, numbers[ids[n]], MODEL, len(vector), 1, HalfVector(vector))
                for n, vector in enumerate(self._near(self.vectors[choices]))
            ],
        )

    def _content(self, choice: int) -> tuple[str, str, int, int]:
        return self.texts[choice], "-", analyzer.VERSION, len(self.analyzed[choice])

    def _near(self, vectors: np.ndarray) -> np.ndarray:
        noise = self.rng.standard_normal(vectors.shape).astype(np.float32) / np.sqrt(vectors.shape[1])
        moved = vectors + NOISE * noise
        return moved / np.linalg.norm(moved, axis=1, keepdims=True)

    async def _copy(self, connection: asyncpg.Connection, table: str, columns: list[str], records: list) -> None:
        await connection.copy_records_to_table(
            f"memori_{table}", schema_name="memory_store", columns=["tenant_id", "user_id", *columns], records=records
        )


async def without_index(connection: asyncpg.Connection) -> str:
    """Drop the approximate index, as a restore does before it loads; returns what makes it again."""
    definition = await connection.fetchval("select pg_get_indexdef($1::regclass)", INDEX)
    await connection.execute(f"drop index {INDEX}")
    # Of a partitioned table, `only` would leave the partitions' indexes to be attached.
    return definition.replace(" ON ONLY ", " ON ")

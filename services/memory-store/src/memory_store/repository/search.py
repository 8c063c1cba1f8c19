"""The raw signals of a search, read in one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
from pgvector import HalfVector
from sqlalchemy import ARRAY, Row, Text, TextClause, bindparam, text

from contracts.events import MemoryType
from contracts.identity import Identity
from memory_store.domain.bm25 import Ids, Postings, bm25, ids_of, places
from memory_store.domain.ranking import Floats, Signals
from persistence import Transaction

_POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECONDS_A_DAY = 86_400_000_000


@dataclass(frozen=True, slots=True)
class QueryVector:
    """A query's vector of length 1, the model that made it, and the cosine that counts as a match."""

    values: npt.NDArray[np.float32]
    model: str
    threshold: float


@dataclass(frozen=True, slots=True)
class Filters:
    """Which memories may be found: of the conversation, of one of the types, with one of the tags."""

    conversation_id: UUID | None = None
    memory_types: Sequence[MemoryType] = ()
    tags: Sequence[str] = ()
    include_archived: bool = False


async def signals(
    transaction: Transaction,
    owner: Identity,
    query_terms: Sequence[str],
    vector: QueryVector | None,
    filters: Filters,
) -> Signals:
    """The signals of every memory the filters let through. Exact: every vector of the user is compared."""
    parameters: dict[str, object] = {
        "tenant_id": owner.tenant_id,
        "user_id": owner.user_id,
        "terms": list(dict.fromkeys(query_terms)),
    }
    if vector is not None:
        parameters |= {
            "vector": HalfVector(vector.values),
            "dimensions": len(vector.values),
            "model": vector.model,
        }
    if filters.conversation_id is not None:
        parameters["conversation_id"] = filters.conversation_id
    if filters.memory_types:
        parameters["memory_types"] = list(filters.memory_types)
    if filters.tags:
        parameters["tags"] = list(filters.tags)
    query = statement(
        by_vector=vector is not None,
        of_conversation=filters.conversation_id is not None,
        of_types=bool(filters.memory_types),
        with_tags=bool(filters.tags),
        archived=filters.include_archived,
    )
    rows = (await transaction.execute(query, parameters)).all()
    (found,) = (row for row in rows if row.kind == "memories")
    packed = found.ids or b""
    ids = ids_of(packed)
    postings = [
        Postings(ids_of(row.ids), np.frombuffer(row.first, dtype=">i4"), np.frombuffer(row.second, dtype=">i4"))
        for row in rows
        if row.kind == "terms"
    ]
    vectors = next((row for row in rows if row.kind == "vectors" and row.ids), None)
    return Signals(
        ids=packed,
        cosines=np.full(len(ids), np.nan) if vectors is None else _cosines(ids, found.third, vectors),
        bm25=bm25(ids, postings, found.mean_length or 1.0),
        importances=np.frombuffer(found.first or b"", dtype=">f8"),
        ages_days=_ages_days(np.frombuffer(found.second or b"", dtype=">i8")),
    )


def _cosines(ids: Ids, versions: bytes | None, vectors: Row[Any]) -> Floats:
    """The cosine of each memory, NaN where the current version of its content has no vector."""
    cosines = np.full(len(ids), np.nan)
    positions, inside = places(ids, ids_of(vectors.ids))
    current = (
        np.frombuffer(versions or b"", dtype=">i4")[positions] == np.frombuffer(vectors.second, dtype=">i4")[inside]
    )
    cosines[positions[current]] = np.frombuffer(vectors.first, dtype=">f4")[inside][current]
    return cosines


def _ages_days(created_at: npt.NDArray[np.int64]) -> Floats:
    # As Postgres sends a timestamptz: microseconds since 2000.
    now = (datetime.now(UTC) - _POSTGRES_EPOCH) / timedelta(microseconds=1)
    return (now - created_at) / _MICROSECONDS_A_DAY


# The signals come packed, an array a column: a row a memory costs three times as much to send and to read as to find.
# Each branch reads one user's part of one index and nothing is joined here: without fresh statistics the planner joins
# a thousand memories with their vectors by nested loops, which takes fifty milliseconds instead of two. No
# approximate index can take the scan over, and the query's vector stands in a subselect, which is evaluated once.
_MEMORIES = """
select
    'memories' as kind,
    string_agg(uuid_send(memory_id), '') as ids,
    string_agg(float8send(importance_score), '') as first,
    string_agg(timestamptz_send(created_at), '') as second,
    string_agg(int4send(content_version), '') as third,
    cast(avg(length) as float8) as mean_length
from memori_memories
where {conditions}"""
# Vectors have length 1, so the inner product is the cosine; `<#>` is its negative.
_VECTORS = """
union all
select
    'vectors', string_agg(uuid_send(memory_id), ''),
    string_agg(float4send(cast(-(embedding <#> (select cast(:vector as halfvec))) as float4)), ''),
    string_agg(int4send(content_version), ''), null, null
from memori_memory_vectors
where tenant_id = :tenant_id and user_id = :user_id and model = :model and dimensions = :dimensions"""
_POSTINGS = """
union all
select
    'terms', string_agg(uuid_send(memory_id), ''), string_agg(int4send(frequency), ''),
    string_agg(int4send(length), ''), null, null
from memori_memory_terms
where tenant_id = :tenant_id and user_id = :user_id and term = any(:terms)
group by term"""
_ARRAYS = ("terms", "memory_types", "tags")


@cache
def statement(*, by_vector: bool, of_conversation: bool, of_types: bool, with_tags: bool, archived: bool) -> TextClause:
    """The search statement with the parts that its filters need; also what the benchmark takes for the floor."""
    conditions = ["tenant_id = :tenant_id and user_id = :user_id"]
    if not archived:
        conditions.append("not is_archived and (expires_at is null or expires_at > now())")
    if of_conversation:
        conditions.append("conversation_id = :conversation_id")
    if of_types:
        conditions.append("memory_type = any(:memory_types)")
    if with_tags:
        conditions.append("context_tags && :tags")
    sql = _MEMORIES.format(conditions="\n    and ".join(conditions)) + (_VECTORS if by_vector else "") + _POSTINGS
    arrays: list[Any] = [bindparam(name, type_=ARRAY(Text)) for name in _ARRAYS if f":{name}" in sql]
    return text(sql).bindparams(*arrays)

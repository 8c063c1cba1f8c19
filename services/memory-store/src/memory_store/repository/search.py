"""The signals of a search: of every memory of a user, read in one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
from pgvector import HalfVector
from sqlalchemy import ARRAY, DateTime, Text, TextClause, Uuid, bindparam, text

from contracts.events import MemoryType
from contracts.identity import Identity
from memory_store.domain.signals import Signals
from memory_store.repository.listing import LIVE
from memory_store.repository.unpacking import unpacked
from persistence import Transaction


@dataclass(frozen=True, slots=True)
class QueryVector:
    """A query's vector of length 1, the model that made it, and the cosine that counts as a match."""

    values: npt.NDArray[np.float32]
    model: str
    threshold: float


@dataclass(frozen=True, slots=True)
class Filters:
    """Which memories may be found: of the conversation, of one of the types, with one of the tags, …"""

    conversation_id: UUID | None = None
    memory_types: Sequence[MemoryType] = ()
    tags: Sequence[str] = ()
    process_id: str | None = None
    occurred_after: datetime | None = None
    occurred_before: datetime | None = None
    include_archived: bool = False

    @property
    def given(self) -> dict[str, Any]:
        """The values of those that are set."""
        values = {
            "conversation_id": self.conversation_id,
            "memory_types": list(self.memory_types),
            "tags": list(self.tags),
            "process_id": self.process_id,
            "occurred_after": self.occurred_after,
            "occurred_before": self.occurred_before,
        }
        return {name: value for name, value in values.items() if value}


_CONDITIONS = {
    "conversation_id": "conversation_id = :conversation_id",
    "memory_types": "memory_type = any(:memory_types)",
    "tags": "context_tags && :tags",
    "process_id": "process_id = :process_id",
    "occurred_after": "occurred_at >= :occurred_after",
    "occurred_before": "occurred_at < :occurred_before",
}
_TYPES: dict[str, Any] = {
    "terms": ARRAY(Text),
    "memory_types": ARRAY(Text),
    "tags": ARRAY(Text),
    "conversation_id": Uuid(),
    "occurred_after": DateTime(timezone=True),
    "occurred_before": DateTime(timezone=True),
}


async def signals(
    transaction: Transaction,
    owner: Identity,
    query_terms: Sequence[str],
    vectors: Sequence[QueryVector],
    filters: Filters,
    *,
    sharing: bool = False,
) -> Signals:
    """The signals of every memory the filters let through. Exact: every vector of the user is compared."""
    query = statement(
        models=len(vectors), filters=tuple(filters.given), archived=filters.include_archived, sharing=sharing
    )
    rows = (await transaction.execute(query, parameters(owner, query_terms, vectors, filters))).all()
    return unpacked(rows, [vector.threshold for vector in vectors])


def parameters(
    owner: Identity, query_terms: Sequence[str], vectors: Sequence[QueryVector], filters: Filters
) -> dict[str, Any]:
    """What the statements of a search are executed with."""
    found: dict[str, Any] = {
        "tenant_id": owner.tenant_id,
        "user_id": owner.user_id,
        "terms": list(dict.fromkeys(query_terms)),
    }
    for place, vector in enumerate(vectors):
        found |= {
            f"vector_{place}": HalfVector(vector.values),
            f"dimensions_{place}": len(vector.values),
            f"model_{place}": vector.model,
        }
    return found | filters.given


# The signals come packed, an array a column: a row a memory costs three times as much to send and to read as to find.
# Each branch reads one user's part of one index and nothing is joined here: without fresh statistics the planner joins
# a thousand memories with their vectors by nested loops, which takes fifty milliseconds instead of two. No
# approximate index can take the scan over, since it is on another expression than the raw column.
_MEMORIES = """
select
    'memories' as kind, null as name,
    string_agg(int8send(memory_no), '') as numbers,
    string_agg(float8send(importance_score), '') as first,
    string_agg(timestamptz_send(occurred_at), '') as second,
    string_agg(uuid_send(coalesce(conversation_id, '00000000-0000-0000-0000-000000000000')), '') as third,
    cast(avg(length) as float8) as mean_length
from (
    select memory_no, importance_score, occurred_at, conversation_id, length from {table}
    where {conditions}
    order by conversation_id, occurred_at, memory_no
) as found"""
# Vectors have length 1, so the inner product is the cosine; `<#>` is its negative. The query's vector stands in a
# subselect, which is evaluated once.
_VECTORS = """
select
    'vectors_{place}', null, string_agg(int8send(memory_no), ''),
    string_agg(float4send(cast(-(embedding <#> (select cast(:vector_{place} as halfvec))) as float4)), ''),
    null, null, null
from {table}
where {whose} and model = :model_{place} and dimensions = :dimensions_{place}{live}"""
_POSTINGS = """
select
    'terms', term, string_agg(int8send(memory_no), ''), string_agg(int4send(frequency), ''),
    string_agg(int4send(length), ''), null, null
from {table}
where {whose} and term = any(:terms)
group by term"""
OWN = "tenant_id = :tenant_id and user_id = :user_id"
"""The rows of the user whose search it is."""
_SHARED = "tenant_id = :tenant_id and user_id <> :user_id"


@cache
def statement(
    *, models: int, filters: tuple[str, ...] = (), archived: bool = False, sharing: bool = False
) -> TextClause:
    """The search statement with the parts that its filters need; also what the benchmark takes for the floor."""
    return bound(branches(models, filters, archived=archived, sharing=sharing))


def branches(models: int, filters: Sequence[str], *, archived: bool, sharing: bool, chosen: str = "") -> str:
    """The SQL of a search; `chosen` is a further condition on the own memories that each branch looks at.

    What others share is read through views of its own (migration 0002).
    """
    sources = [("memori", OWN + chosen), *([("memori_shared", _SHARED)] if sharing else [])]
    live = "" if archived else " and live_until > now()"
    parts = [
        _MEMORIES.format(table=f"{prefix}_memories", conditions=conditions(whose, filters, archived=archived))
        for prefix, whose in sources
    ]
    parts += [
        _VECTORS.format(table=f"{prefix}_memory_vectors", place=place, whose=whose, live=live)
        for place in range(models)
        for prefix, whose in sources
    ]
    parts += [_POSTINGS.format(table=f"{prefix}_memory_terms", whose=whose) for prefix, whose in sources]
    return "\nunion all".join(parts)


def conditions(whose: str, filters: Sequence[str], *, archived: bool) -> str:
    """What a memory must be to be found; a sensitive one never is."""
    live = [] if archived else [LIVE]
    return "\n    and ".join([whose, "not sensitive", *live, *(_CONDITIONS[name] for name in filters)])


def bound(sql: str) -> TextClause:
    """The statement, its parameters typed."""
    return text(sql).bindparams(*(bindparam(name, type_=_TYPES[name]) for name in _TYPES if f":{name}" in sql))

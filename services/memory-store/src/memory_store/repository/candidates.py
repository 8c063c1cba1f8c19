"""The signals of a search in very many memories: of those that may be among the best, found by index first.

Two statements: the nearest by meaning and the postings of the rare words; then everything about the best of both, and
about the turns around them. What else the score needs to know of all of them is remembered for minutes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import ARRAY, BigInteger, Text, TextClause, bindparam, text

from contracts.identity import Identity
from memory_store.domain.bm25 import Collection, Postings, bm25
from memory_store.domain.ranking import REACH
from memory_store.domain.signals import Signals
from memory_store.repository import search
from memory_store.repository.listing import LIVE
from memory_store.repository.search import OWN, Filters, QueryVector
from memory_store.repository.unpacking import numbers_of, postings_of, unpacked
from persistence import Transaction

INDEXED_MODELS = {"all-MiniLM-L6-v2": 384, "text-embedding-ada-002": 1536}
"""The models that have an approximate index (migration 0002); the vectors of others are always compared one by one."""

SESSION_SETTINGS = {
    # An index scan goes on until it has found enough that may be seen.
    "hnsw.iterative_scan": "relaxed_order",
    "hnsw.ef_search": "200",
    "hnsw.max_scan_tuples": "40000",
    # Of users with few memories and with very many the same statement needs other plans; a general one compares every
    # vector (33 ms among 50,000, instead of 7).
    "plan_cache_mode": "force_custom_plan",
}
"""What connections must be set to."""

_SAMPLES, _SAMPLE = 64, 64
_RARE_POSTINGS = 30_000


@dataclass(slots=True)
class Extent:
    """What a user's memories are like, all in all; it fills as searches need to know.

    `counts` says in how many memories a term is, `samples` holds some vectors by model and length, a row each.
    """

    memories: int
    mean_length: float
    first: int
    last: int
    counts: dict[str, int] = field(default_factory=dict)
    samples: dict[tuple[str, int], npt.NDArray[np.float32]] = field(default_factory=dict)


_EXTENT = text(f"""
select count(*) as memories, cast(coalesce(avg(length), 1) as float8) as mean_length,
    coalesce(min(memory_no), 0) as first, coalesce(max(memory_no), 0) as last
from memori_memories where {OWN} and not sensitive""")  # noqa: S608  # constants of this module
_COUNTS = text(f"""
select term, count(*) as memories from memori_memory_terms
where {OWN} and term = any(:terms) group by term""").bindparams(bindparam("terms", type_=ARRAY(Text)))  # noqa: S608
_SAMPLES_OF = text(f"""
select embedding from unnest(:starts) as start
cross join lateral (
    select embedding from memori_memory_vectors
    where {OWN} and memory_no >= start and model = :model and dimensions = :dimensions
    order by memory_no limit {_SAMPLE}
) as sampled""").bindparams(bindparam("starts", type_=ARRAY(BigInteger)))  # noqa: S608  # constants of this module

_LIVE = text(f"""
select memory_no from memori_memories
where {OWN} and memory_no = any(:numbers) and {LIVE}""").bindparams(bindparam("numbers", type_=ARRAY(BigInteger)))  # noqa: S608


async def extent(transaction: Transaction, owner: Identity) -> Extent:
    """How much a user has."""
    row = (await transaction.execute(_EXTENT, {"tenant_id": owner.tenant_id, "user_id": owner.user_id})).one()
    return Extent(row.memories, row.mean_length, row.first, row.last)


async def signals(
    transaction: Transaction,
    owner: Identity,
    query_terms: Sequence[str],
    vectors: Sequence[QueryVector],
    filters: Filters,
    size: Extent,
    *,
    approximate: bool,
    wanted: int,
    sharing: bool,
) -> Signals:
    """The signals of the memories that may be among the best of a user's: those around the nearest `wanted` and twice
    as many by words; with `sharing` also of every memory that another member shares.

    The nearest by meaning are exact, unless `approximate` and the model has an index.
    """
    values = search.parameters(owner, query_terms, vectors, filters)
    await _count(transaction, values, size)
    spreads = [await _spread(transaction, values, vector, size) for vector in vectors]
    collection = Collection(max(size.memories, 1), size.mean_length)
    indexed = tuple(
        vector.model if approximate and INDEXED_MODELS.get(vector.model) == len(vector.values) else None
        for vector in vectors
    )
    query = _first(indexed, tuple(filters.given), archived=filters.include_archived)
    rare = _rare(values["terms"], size.counts)
    limits = {"terms": rare, "wanted": wanted, "postings": _RARE_POSTINGS}
    found = (await transaction.execute(query, values | limits)).all()
    chosen = {number for row in found if row.kind == "nearest" for number in numbers_of(row.numbers or b"").tolist()}
    by_words = _by_words(postings_of(found, size.counts), collection)
    if filters.given or filters.include_archived:
        chosen |= set(by_words[: 2 * wanted])
    else:
        chosen |= await _first_live(transaction, values, by_words, 2 * wanted)
    query = _second(len(vectors), tuple(filters.given), archived=filters.include_archived, sharing=sharing)
    # Where the rare words were not cut short, only the common ones are left to be read; others' are all to be read.
    complete = not sharing and sum(size.counts[term] for term in rare) <= _RARE_POSTINGS
    common = [term for term in values["terms"] if term not in rare] if complete else values["terms"]
    rows = (await transaction.execute(query, values | {"numbers": sorted(chosen), "terms": common})).all()
    if complete:
        rows = [*rows, *(row for row in found if row.kind == "terms")]
    thresholds = [vector.threshold for vector in vectors]
    return unpacked(rows, thresholds, collection=collection, spreads=spreads, counts=size.counts)


def _by_words(postings: Sequence[Postings], collection: Collection) -> list[int]:
    """The memories that have one of the words, the best first."""
    if not postings:
        return []
    numbers = np.unique(np.concatenate([posting.numbers for posting in postings]))
    words = bm25(numbers, postings, collection)
    best: list[int] = numbers[np.argsort(-words, kind="stable")].tolist()
    return best


async def _first_live(
    transaction: Transaction, values: dict[str, Any], numbers: Sequence[int], wanted: int
) -> set[int]:
    """The first of the memories that have not left search: most of what a user said long ago may have."""
    live: set[int] = set()
    start, some = 0, wanted
    while start < len(numbers) and len(live) < wanted:
        rows = await transaction.execute(_LIVE, values | {"numbers": numbers[start : start + some]})
        live |= set(rows.scalars())
        start, some = start + some, 2 * some
    return live


async def _count(transaction: Transaction, values: dict[str, Any], size: Extent) -> None:
    unknown = [term for term in values["terms"] if term not in size.counts]
    if unknown:
        rows = await transaction.execute(_COUNTS, values | {"terms": unknown})
        size.counts |= dict.fromkeys(unknown, 0) | {row.term: row.memories for row in rows}


async def _spread(
    transaction: Transaction, values: dict[str, Any], vector: QueryVector, size: Extent
) -> tuple[float, float]:
    """Mean and deviation of the cosines of all the user's memories, from a sample."""
    key = vector.model, len(vector.values)
    sample = size.samples.get(key)
    if sample is None:
        # Each stretch of numbers is a moment; several, evenly spread, make a sample, and the same one everywhere.
        step = (size.last - size.first) // _SAMPLES
        starts = [size.first + step * number for number in range(_SAMPLES)]
        of = {"model": vector.model, "dimensions": len(vector.values), "starts": starts}
        rows = (await transaction.execute(_SAMPLES_OF, values | of)).all()
        sample = np.array([row.embedding.to_numpy() for row in rows], dtype=np.float32)
        # A model that has embedded little yet is looked at again by the next search.
        if len(sample) >= _SAMPLES:
            size.samples[key] = sample
    if not len(sample):
        return 0.0, 0.0
    # Not by BLAS: for one vector its threads cost more than they save, beside everything else that runs here.
    cosines = np.einsum("ij,j->i", sample, vector.values)
    return float(cosines.mean()), float(cosines.std())


def _rare(terms: Sequence[str], counts: dict[str, int]) -> list[str]:
    """The words that choose memories: a memory with common words only is not among the best."""
    rare: list[str] = []
    total = 0
    # Those that nothing had when they were counted are looked for too: something may have them since.
    for term in sorted(terms, key=lambda term: (counts[term], term)):
        total += counts[term]
        if rare and total > _RARE_POSTINGS:
            break
        rare.append(term)
    return rare


_NEAREST = """
select 'nearest' as kind, null as name, string_agg(int8send(memory_no), '') as numbers,
    cast(null as bytea) as first, cast(null as bytea) as second
from (
    select memory_no from memori_memory_vectors
    where {own} and {model} and dimensions = :dimensions_{place}{live}{filtered}
    order by {column} <#> (select cast(:vector_{place} as {type})) limit :wanted
) as near
union all"""
# The newest ones, should even the rarest word be common.
_RARE = """
select 'terms' as kind, term as name, string_agg(int8send(memory_no), '') as numbers,
    string_agg(int4send(frequency), '') as first, string_agg(int4send(length), '') as second
from (
    select term, memory_no, frequency, length from memori_memory_terms
    where {own} and term = any(:terms){filtered} order by term, memory_no desc limit :postings
) as rare
group by term"""
_WANTED = f"""
with anchors as materialized (
    select memory_no, conversation_id, occurred_at from memori_memories
    where {OWN} and memory_no = any(:numbers)
), wanted as materialized (
    select memory_no from anchors
    union
    select turn.memory_no from anchors cross join lateral (
        (select memory_no from memori_memories
        where {OWN} and conversation_id = anchors.conversation_id
            and (occurred_at, memory_no) > (anchors.occurred_at, anchors.memory_no)
        order by occurred_at, memory_no limit {REACH})
        union all
        (select memory_no from memori_memories
        where {OWN} and conversation_id = anchors.conversation_id
            and (occurred_at, memory_no) < (anchors.occurred_at, anchors.memory_no)
        order by occurred_at desc, memory_no desc limit {REACH})
    ) as turn
)"""  # noqa: S608  # constants of this module
_CHOSEN = " and memory_no = any(array(select memory_no from wanted))"


@cache
def _first(indexed: tuple[str | None, ...], filters: tuple[str, ...], *, archived: bool) -> TextClause:
    live = "" if archived else " and live_until > now()"
    filtered = (
        f"\n        and memory_no in (select memory_no from memori_memories"  # noqa: S608  # constants of these modules
        f" where {search.conditions(OWN, filters, archived=archived)})"
        if filters
        else ""
    )
    sql = ""
    for place, model in enumerate(indexed):
        # The index is partial: the planner must see the model's name, not a parameter.
        kind = f"halfvec({INDEXED_MODELS[model]})" if model else "halfvec"
        sql += _NEAREST.format(
            place=place,
            own=OWN,
            model=f"model = '{model}'" if model else f"model = :model_{place}",
            column=f"cast(embedding as {kind})" if model else "embedding",
            type=kind,
            live=live,
            filtered=filtered,
        )
    return search.bound(sql + _RARE.format(own=OWN, filtered=filtered))


@cache
def _second(models: int, filters: tuple[str, ...], *, archived: bool, sharing: bool) -> TextClause:
    sql = _WANTED + search.branches(models, filters, archived=archived, sharing=sharing, chosen=_CHOSEN)
    return search.bound(sql).bindparams(bindparam("numbers", type_=ARRAY(BigInteger)))

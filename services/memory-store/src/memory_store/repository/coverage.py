"""Which memories which models have embedded, over all users."""

from typing import Any

from sqlalchemy import Row, text

from contracts.memory_store import OwnedMemory
from persistence import Transaction

_STRETCH = 800
"""How many memories one look goes over: as many as fit one answer should none be embedded."""
_PRUNED_AT_ONCE = 2_000

_UNEMBEDDED = text("""
with stretch as (
    select tenant_id, user_id, memory_id, memory_no, sensitive, updated_at from memori_memories
    where memory_no > :after order by memory_no limit :stretch
)
select
    (select max(memory_no) from stretch) as last, (select count(*) from stretch) as seen,
    tenant_id, user_id, memory_id
from (select 1) as always
left join stretch on not sensitive and updated_at <= now() - make_interval(secs => :older_than)
    and not exists (
        select from memori_memory_vectors vectors
        where vectors.tenant_id = stretch.tenant_id and vectors.user_id = stretch.user_id
            and vectors.memory_no = stretch.memory_no and vectors.model = :model)
order by memory_no""")

_COVERAGE = text("""
select model, max(dimensions) as dimensions, count(*) as memories
from memori_memory_vectors where chunk = 0 group by model order by model""")

_EMBEDDABLE = text("select count(*) from memori_memories where not sensitive")

_PRUNE = text("""
delete from memori_memory_vectors where (tenant_id, user_id, memory_no, model, chunk) in (
    select tenant_id, user_id, memory_no, model, chunk from memori_memory_vectors where model = :model limit :limit)""")


async def unembedded(
    transaction: Transaction, model: str, *, after: int, older_than_seconds: float
) -> tuple[list[OwnedMemory], int | None]:
    """The memories of the next stretch without a vector of the model, and where the stretch after it begins, if any."""
    parameters = {"model": model, "after": after, "older_than": older_than_seconds, "stretch": _STRETCH}
    rows = (await transaction.execute(_UNEMBEDDED, parameters)).all()
    found = [
        OwnedMemory(tenant_id=row.tenant_id, user_id=row.user_id, memory_id=row.memory_id)
        for row in rows
        if row.memory_id is not None
    ]
    return found, rows[0].last if rows[0].seen == _STRETCH else None


async def by_model(transaction: Transaction) -> tuple[int, list[Row[Any]]]:
    """How many memories can have vectors; rows of model, dimensions and how many memories have its vectors."""
    embeddable: int = (await transaction.execute(_EMBEDDABLE)).scalar_one()
    return embeddable, list((await transaction.execute(_COVERAGE)).all())


async def prune(transaction: Transaction, model: str) -> int:
    """Delete some of a model's vectors; returns how many."""
    return (await transaction.execute(_PRUNE, {"model": model, "limit": _PRUNED_AT_ONCE})).rowcount

"""The terms of data sources in Postgres, so that recommending one reads no schema."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert

from contracts.identity import Identity
from persistence import Transaction
from sql_generator.domain.source_terms import TERMS_VERSION, Known, Term
from sql_generator.repository import owned
from sql_generator.tables import data_sources, source_terms


async def put(transaction: Transaction, owner: Identity, data_source_id: UUID, terms: Iterable[Term]) -> None:
    """Have these be the terms of a data source."""
    key = {"tenant_id": owner.tenant_id, "user_id": owner.user_id, "data_source_id": data_source_id}
    await transaction.execute(
        delete(source_terms).where(*(source_terms.c[name] == value for name, value in key.items()))
    )
    rows = [{**key, "term": term.word, "weight": term.weight, "places": list(term.places)} for term in terms]
    if rows:
        # Whoever does the same at the same moment writes the same.
        await transaction.execute(insert(source_terms).on_conflict_do_nothing(), rows)
    await transaction.execute(
        update(data_sources)
        .where(*(data_sources.c[name] == value for name, value in key.items()))
        .values(terms_version=TERMS_VERSION)
    )


async def outdated(transaction: Transaction, owner: Identity) -> list[UUID]:
    """The data sources with a schema whose terms are missing or of another version."""
    statement = select(data_sources.c.data_source_id).where(
        owned(data_sources, owner),
        data_sources.c.schema.is_not(None),
        data_sources.c.terms_version != TERMS_VERSION,
    )
    return list((await transaction.execute(statement)).scalars())


async def known(transaction: Transaction, owner: Identity, asked: Collection[str]) -> list[Known]:
    """Every data source of a user, with those of its terms that were asked for."""
    found: Mapping[UUID, list[Term]] = defaultdict(list)
    terms = select(source_terms).where(
        owned(source_terms, owner),
        source_terms.c.term.in_(asked),
    )
    for row in await transaction.execute(terms):
        found[row.data_source_id].append(Term(row.term, row.weight, tuple(row.places)))
    sources = select(data_sources.c.data_source_id, data_sources.c.name, data_sources.c.kind).where(
        owned(data_sources, owner)
    )
    return [
        Known(row.data_source_id, row.name, row.kind, found[row.data_source_id])
        for row in await transaction.execute(sources)
    ]

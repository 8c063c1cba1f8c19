"""What models cost in Postgres: counted as it is spent, so that every process sees the same sums."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, func, select
from sqlalchemy.dialects.postgresql import insert

from contracts.identity import Identity
from contracts.sql_generator import ModelUsage
from persistence import Transaction
from sql_generator.repository import owned
from sql_generator.tables import tenant_usage, usage

_COUNTED = ("calls", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")


async def add(transaction: Transaction, owner: Identity, month: date, spent: ModelUsage) -> None:
    """Count what a user spent; a cost that is not known adds nothing to the cost."""
    key = {"tenant_id": owner.tenant_id, "user_id": owner.user_id, "month": month, "model": spent.model}
    await _add(transaction, usage, key, spent.model_dump(include={*_COUNTED, "cost_usd"}))


async def add_to_tenant(transaction: Transaction, owner: Identity, month: date, cost_usd: float) -> None:
    """Count what somebody of a tenant spent; it stays counted when they are erased."""
    await _add(transaction, tenant_usage, {"tenant_id": owner.tenant_id, "month": month}, {"cost_usd": cost_usd})


async def of_user(transaction: Transaction, owner: Identity, month: date) -> tuple[ModelUsage, ...]:
    """What a user spent in a month, by model."""
    statement = select(usage).where(_of_user(owner, month)).order_by(usage.c.model)
    return tuple(
        ModelUsage.model_validate(dict(row._mapping))  # noqa: SLF001  # SQLAlchemy's public name for it
        for row in await transaction.execute(statement)
    )


async def spent(transaction: Transaction, owner: Identity, month: date) -> tuple[float, float]:
    """US dollars that the user, and the tenant, spent in a month."""
    by_user = select(func.coalesce(func.sum(usage.c.cost_usd), 0)).where(_of_user(owner, month))
    by_tenant = select(func.coalesce(func.sum(tenant_usage.c.cost_usd), 0)).where(
        tenant_usage.c.tenant_id == owner.tenant_id, tenant_usage.c.month == month
    )
    both = select(by_user.scalar_subquery().label("user"), by_tenant.scalar_subquery().label("tenant"))
    row = (await transaction.execute(both)).one()
    return float(row.user), float(row.tenant)


async def _add(transaction: Transaction, table: Table, key: Mapping[str, Any], amounts: Mapping[str, Any]) -> None:
    new = insert(table).values(**key, **amounts)
    sums = {
        name: func.coalesce(table.c[name] + new.excluded[name], new.excluded[name], table.c[name]) for name in amounts
    }
    await transaction.execute(new.on_conflict_do_update(index_elements=[table.c[name] for name in key], set_=sums))


def _of_user(owner: Identity, month: date) -> ColumnElement[bool]:
    return and_(owned(usage, owner), usage.c.month == month)

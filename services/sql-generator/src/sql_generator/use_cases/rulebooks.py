"""The rules that hold for a data source, read for each question anew."""

from uuid import UUID

from contracts.identity import Identity
from contracts.sql_generator import DatabaseSchema, Rule
from persistence import Database
from sql_generator.errors import conflict
from sql_generator.repository import rules
from sql_generator.rules.rulebook import RuleBook


async def active_rules(database: Database, owner: Identity, data_source_id: UUID) -> tuple[Rule, ...]:
    """The active rules of this user for a data source, all of them: one that is left out would not hold.

    Raises:
        ProblemError: there are more than 500 (`conflict`).
    """
    async with database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
        found = await rules.active(transaction, owner, data_source_id, limit=rules.MAX_ACTIVE + 1)
    if len(found) > rules.MAX_ACTIVE:
        raise conflict(f"there are more than {rules.MAX_ACTIVE} active rules for this data source; retire some")
    return tuple(found)


async def rulebook(
    database: Database, owner: Identity, data_source_id: UUID, *, question: str, schema: DatabaseSchema
) -> RuleBook:
    """The active rules, for one question."""
    return RuleBook(await active_rules(database, owner, data_source_id), question, schema)

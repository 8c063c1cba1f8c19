"""Rules: those a user makes, changes, confirms and retires, and those that services propose."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from contracts.identity import Identity
from contracts.methods import Empty
from contracts.sql_generator import (
    DatabaseSchema,
    ListRules,
    NewRule,
    ProposeRule,
    Rule,
    RuleRef,
    Rules,
    RuleStatus,
    UpdateRule,
)
from messaging import paging
from persistence import Database, Transaction, cursor
from persistence.cursor import CursorError
from persistence.erasures import Erasures
from sql_generator.errors import conflict, erased, invalid, not_found
from sql_generator.repository import data_sources, rules
from sql_generator.rules.rulebook import with_conflicts

_OF_A_MEMORY = frozenset({"rule_id", "priority", "status"})
"""What may be changed of a rule whose words are those of a memory."""


class RuleUseCases:
    """The verbs of rules. Learned rules wait for confirmation unless `activates_learned`."""

    def __init__(self, database: Database, erasures: Erasures, *, activates_learned: bool) -> None:
        self._database = database
        self._erasures = erasures
        self._activates_learned = activates_learned

    async def create(self, request: NewRule, owner: Identity) -> Rule:
        """The rule that was created, active from now on, or the one that has this id already."""
        now = datetime.now(UTC)
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            if not await self._erasures.hold(transaction, owner, now):
                raise erased()
            await _require_source(transaction, owner, request.data_source_id)
            created = await rules.add(transaction, owner, request, now, status="active", origin="user")
            return await _shown(transaction, owner, created or await _found(transaction, owner, request.rule_id))

    async def propose(self, request: ProposeRule, owner: Identity) -> Rule:
        """The rule that waits for confirmation, or the one that has this id or says the same already.

        Raises:
            ProblemError: the user was erased since the rule was learned, or the data source is gone.
        """
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            if not await self._erasures.hold(transaction, owner, request.decided_at):
                raise erased()
            await rules.lock(transaction, owner)
            await _require_source(transaction, owner, request.data_source_id)
            known = await rules.find(transaction, owner, request.rule_id)
            known = known or await rules.saying(transaction, owner, request)
            if known is None:
                status: RuleStatus = "active" if self._activates_learned else "proposed"
                known = await rules.add(transaction, owner, request, datetime.now(UTC), status=status, origin="learned")
            return await _shown(transaction, owner, known or await _found(transaction, owner, request.rule_id))

    async def get(self, request: RuleRef, owner: Identity) -> Rule:
        """One rule, with the active ones it conflicts with."""
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            return await _shown(transaction, owner, await _found(transaction, owner, request.rule_id))

    async def update(self, request: UpdateRule, owner: Identity) -> Rule:
        """The rule as it is now.

        Raises:
            ProblemError: there is no such rule, or what is to change is what a memory says (`conflict`).
        """
        changes = {name for name in request.model_fields_set if getattr(request, name) is not None}
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            rule = await _found(transaction, owner, request.rule_id)
            if rule.origin == "memory" and not changes <= _OF_A_MEMORY:
                raise conflict("the rule says what a memory says: change the memory; here its priority and status")
            return await self._changed(transaction, owner, request)

    async def confirm(self, request: RuleRef, owner: Identity) -> Rule:
        """The rule, active from now on if it waited for that.

        Raises:
            ProblemError: there is no such rule, or it was retired (`conflict`).
        """
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            rule = await _found(transaction, owner, request.rule_id)
            if rule.status == "retired":
                raise conflict("the rule was retired: set its status to active to have it back")
            return await self._changed(transaction, owner, UpdateRule(rule_id=rule.rule_id, status="active"))

    async def delete(self, request: RuleRef, owner: Identity) -> Empty:
        """Delete a rule for good.

        Raises:
            ProblemError: there is no such rule, or it comes from a memory (`conflict`).
        """
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            rule = await _found(transaction, owner, request.rule_id)
            if rule.origin == "memory":
                raise conflict("the rule comes from a memory: delete or archive the memory, or retire the rule")
            await rules.remove(transaction, owner, request.rule_id)
        return Empty()

    async def list(self, request: ListRules, owner: Identity) -> Rules:
        """A page, the highest priority first; for a data source those that hold for it, and so those for any."""
        try:
            after = cursor.decode(request.cursor, int, datetime, UUID) if request.cursor is not None else None
        except CursorError as error:
            raise invalid("cursor", str(error)) from error
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            found = await rules.page(transaction, owner, request, after=after, limit=request.limit + 1)
            found = await _with_conflicts(transaction, owner, found, request.data_source_id)
        page, last = paging.page(found, request.limit)
        return Rules(
            rules=page,
            next_cursor=cursor.encode(last.priority, last.created_at, last.rule_id) if last else None,
        )

    async def _changed(self, transaction: Transaction, owner: Identity, request: UpdateRule) -> Rule:
        changed = await rules.change(transaction, owner, request, datetime.now(UTC))
        if changed is None:
            raise not_found("rule_id", "rule")
        return await _shown(transaction, owner, changed)


async def _found(transaction: Transaction, owner: Identity, rule_id: UUID) -> Rule:
    found = await rules.find(transaction, owner, rule_id)
    if found is None:
        raise not_found("rule_id", "rule")
    return found


async def _require_source(transaction: Transaction, owner: Identity, data_source_id: UUID | None) -> None:
    if data_source_id is not None and not await data_sources.hold(transaction, owner, data_source_id):
        raise not_found("data_source_id", "data source")


async def _shown(transaction: Transaction, owner: Identity, rule: Rule) -> Rule:
    (shown,) = await _with_conflicts(transaction, owner, [rule], rule.data_source_id)
    return paging.must_fit_a_page(shown)


async def _with_conflicts(
    transaction: Transaction, owner: Identity, found: Sequence[Rule], data_source_id: UUID | None
) -> list[Rule]:
    """The rules with the active ones they conflict with, as far as the words of both can be read.

    Names in words are read against the schema of the data source that is named, or of the only one there is.
    """
    active = await rules.active(transaction, owner, data_source_id, limit=rules.MAX_ACTIVE)
    return with_conflicts(found, active, await _schema(transaction, owner, data_source_id))


async def _schema(transaction: Transaction, owner: Identity, data_source_id: UUID | None) -> DatabaseSchema | None:
    ids = [data_source_id] if data_source_id else await data_sources.first_ids(transaction, owner, limit=2)
    if len(ids) != 1:
        return None
    stored = await data_sources.stored(transaction, owner, ids[0])
    return await stored.schema() if stored is not None else None

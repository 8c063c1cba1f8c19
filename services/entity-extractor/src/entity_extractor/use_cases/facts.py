"""Keeping facts what their mentions make them, and telling of those that are new."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from contracts.entity_extractor import Facts, ListFacts
from contracts.events import FactLearned, RuleLearned
from contracts.identity import Identity
from contracts.memory_store import CREATE, DELETE, LEARNED_TAG, CreateMemories, MemoryRef, NewMemory
from contracts.sql_generator import PROPOSE_RULE, ProposeRule
from entity_extractor.domain.facts import Fact, holds, rule_type, summed_up
from entity_extractor.repository import facts
from entity_extractor.use_cases.cursors import position
from messaging import Outbox, paging
from persistence import Database, Transaction, cursor

_RULE_NAME_CHARS = 80


class FactUseCases:
    """The facts of users; one said in a conversation becomes a memory, or a proposed rule, under its own id."""

    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._database = database
        self._outbox = outbox

    async def list_facts(self, request: ListFacts, owner: Identity) -> Facts:
        """A page of facts, the latest said first.

        Raises:
            ProblemError: `invalid`, the cursor is not ours.
        """
        after = position(request.cursor, datetime, UUID)
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            found = await facts.page(transaction, owner, request, after)
        page, last = paging.page(found, request.limit)
        return Facts(facts=page, next_cursor=cursor.encode(last.said_at, last.fact_id) if last else None)

    async def settle(
        self, transaction: Transaction, owner: Identity, touched: Collection[UUID], decided_at: datetime
    ) -> bool:
        """Make these facts, and those that contradict them, what their mentions now say; whether definitions changed.

        Whoever calls it holds the lock on the user's turns. `decided_at`: since when this was under way.
        """
        if not touched:
            return False
        before = await facts.find(transaction, owner, touched)
        mentions = await facts.mentions_of(transaction, owner, touched)
        current = {fact_id: summed_up(owner, said) for fact_id, said in mentions.items()}
        slots = {fact.slot_id for fact in (*before.values(), *current.values()) if fact.slot_id}
        before |= await facts.of_slots(transaction, owner, slots)
        current = {
            fact_id: _with_life(current.get(fact_id) or before[fact_id], before.get(fact_id))
            for fact_id in before.keys() | current.keys()
            if fact_id in current or fact_id not in touched
        }
        current |= {fact.fact_id: fact for slot in slots for fact in _settled(slot, current.values())}
        gone = [fact for fact_id, fact in before.items() if fact_id not in current]
        await facts.remove(transaction, owner, [fact.fact_id for fact in gone])
        for fact in gone:
            await self._remember(transaction, owner, fact, False, decided_at)
        now = datetime.now(UTC)
        changed = []
        for fact in sorted(current.values(), key=lambda fact: fact.fact_id):
            known = await self._remember(transaction, owner, fact, fact.is_to_be_remembered, decided_at)
            kept = replace(fact, remembered_at=(fact.remembered_at or now) if known else None)
            if kept != before.get(fact.fact_id):
                changed.append(kept)
        await facts.save(transaction, owner, changed)
        new = [fact for fact in changed if fact.fact_id not in before]
        await self._outbox.emit(
            transaction,
            *(FactLearned(fact_id=fact.fact_id, kind=fact.statement.kind) for fact in new),
            *(RuleLearned(rule_id=fact.fact_id) for fact in new if fact.statement.kind == "rule" and fact.from_message),
            identity=owner,
        )
        return any(fact.statement.kind == "definition" for fact in (*changed, *gone))

    async def forget(self, transaction: Transaction, owner: Identity, memory_id: UUID, at: datetime) -> bool:
        """Whether a deleted memory was a fact that its user wants forgotten: it is, with all that said it until then.

        One that we had deleted ourselves, because a newer fact took its place, is no wish of theirs.
        """
        fact = (await facts.find(transaction, owner, [memory_id])).get(memory_id)
        if fact is None or fact.remembered_at is None or fact.remembered_at > at:
            return False
        await facts.forget(transaction, owner, memory_id, at)
        # There is no memory any more that would have to be deleted with it.
        await facts.save(transaction, owner, [replace(fact, remembered_at=None)])
        return True

    async def _remember(
        self, transaction: Transaction, owner: Identity, fact: Fact, wanted: bool, decided_at: datetime
    ) -> bool:
        """Have the fact known outside of the graph, or not; returns whether it is."""
        was = fact.remembered_at is not None
        if fact.statement.kind == "rule":
            # A proposal stays until its user decides, whatever becomes of the turn.
            if wanted and not was:
                await self._outbox.command(transaction, PROPOSE_RULE, _proposal(fact, decided_at), owner)
            return wanted or was
        if wanted and not was:
            request = CreateMemories(memories=(_memory(fact),), decided_at=decided_at)
            await self._outbox.command(transaction, CREATE, request, owner)
        if was and not wanted:
            await self._outbox.command(transaction, DELETE, MemoryRef(memory_id=fact.fact_id), owner)
        return wanted


def _with_life(fact: Fact, before: Fact | None) -> Fact:
    return replace(fact, remembered_at=before.remembered_at) if before else fact


def _settled(slot: UUID, candidates: Iterable[Fact]) -> Iterable[Fact]:
    """The facts of a slot: the one said last, and the others superseded by it."""
    within = [fact for fact in candidates if fact.slot_id == slot]
    winner = holds(within)
    for fact in within:
        yield replace(fact, superseded_by=winner.fact_id if winner and fact.fact_id != winner.fact_id else None)


def _memory(fact: Fact) -> NewMemory:
    said = fact.statement
    return NewMemory(
        memory_id=fact.fact_id,
        content=said.in_words(),
        memory_type="long_term",
        context_tags=(LEARNED_TAG, said.kind),
        metadata={
            "subject": said.subject,
            "predicate": said.predicate,
            "object": said.object,
            "confidence": said.confidence,
            "message_id": str(fact.source_id),
        },
        occurred_at=fact.said_at,
    )


def _proposal(fact: Fact, decided_at: datetime) -> ProposeRule:
    content = fact.statement.in_words()
    return ProposeRule(
        rule_id=fact.fact_id,
        rule_name=content if len(content) <= _RULE_NAME_CHARS else f"{content[: _RULE_NAME_CHARS - 1]}…",
        rule_type=rule_type(content),
        rule_content=content,
        decided_at=decided_at,
    )

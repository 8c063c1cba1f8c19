"""New memories held against old ones: near-duplicates become one, of contradictions one stays."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Row

from contracts.events import Event, MemoryEmbedded, MemorySuperseded
from contracts.identity import Identity
from memory_store.domain import reviews as rules
from memory_store.domain.lifecycle import REVIEW
from memory_store.domain.reviews import Statement
from memory_store.metrics import MEMORIES_ARCHIVED
from memory_store.repository import changes, reviews
from memory_store.repository.changes import Change
from memory_store.use_cases.announcing import said_of
from messaging import Outbox
from persistence import Database, Transaction


class Reviews:
    """Follows `memory.embedded`: by then a memory can be compared by meaning. Redelivery finds nothing left to do."""

    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._database = database
        self._outbox = outbox

    async def review(self, event: Event[MemoryEmbedded]) -> None:
        """Let the memory take the place of those it repeats or contradicts, or the other way round."""
        owner = Identity(event.tenantid, event.userid)
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            near = await reviews.nearest(
                transaction, owner, event.data.memory_id, model=event.data.model, similar=rules.SIMILAR
            )
            # Most memories say something of their own, and hold nobody up.
            near = await self._comparable(transaction, owner, event.data.memory_id, near)
            if not near:
                return
            memory, others = await reviews.read(transaction, owner, event.data.memory_id, near, lock=True)
            if memory is None or memory.content_version != event.data.content_version:
                return
            settled = await reviews.brought_back(transaction, owner, [memory.memory_no, *near])
            if memory.memory_no in settled:
                return
            for other in others:
                if memory is None or not _open(memory):
                    return
                if (
                    _open(other)
                    and other.memory_no not in settled
                    and await self._compare(transaction, owner, memory, other)
                ):
                    # As it is now: what it inherits next comes on top of what it has inherited.
                    memory, _ = await reviews.read(transaction, owner, event.data.memory_id, [], lock=True)

    async def _comparable(
        self, transaction: Transaction, owner: Identity, memory_id: UUID, near: Sequence[int]
    ) -> list[int]:
        """Those of the nearest memories, as they are now, that a memory repeats or contradicts."""
        if not near:
            return []
        memory, others = await reviews.read(transaction, owner, memory_id, near, lock=False)
        if memory is None or not _open(memory):
            return []
        one = _statement(memory)
        return [other.memory_no for other in others if _open(other) and rules.verdict(one, _statement(other))]

    async def _compare(self, transaction: Transaction, owner: Identity, memory: Row[Any], other: Row[Any]) -> bool:
        """Supersede one of the two if need be; whether it was."""
        one, two = _statement(memory), _statement(other)
        found = rules.verdict(one, two)
        # What only its user sees is no substitute for what others read, nor the other way round.
        if found is None or memory.visibility != other.visibility:
            return False
        if memory.memory_type != "rule" and _turns_of_one_conversation(memory, other):
            return False
        winner, loser = (memory, other) if rules.stays(one, two) is one else (other, memory)
        reason: Literal["consolidated", "superseded"] = "consolidated" if found == "same" else "superseded"
        now = datetime.now(UTC)
        key = (owner.tenant_id, owner.user_id, loser.memory_no)
        values = {"is_archived": True, "archived_reason": reason, "superseded_by": winner.memory_id}
        why = f"{'says the same as' if found == 'same' else 'contradicts'} {winner.memory_id}"
        changed = await changes.apply(transaction, [key], values, Change(reason, REVIEW, why), now)
        said = (MemorySuperseded(**said_of(row), reason=reason, superseded_by=winner.memory_id) for row in changed)
        await self._outbox.emit(transaction, *said, identity=owner)
        MEMORIES_ARCHIVED.labels(reason).inc(len(changed))
        if found == "same":
            await self._inherit(transaction, owner, winner, loser, now)
        return True

    async def _inherit(
        self, transaction: Transaction, owner: Identity, winner: Row[Any], loser: Row[Any], now: datetime
    ) -> None:
        """What only the other one knew is kept: its tags, its importance, and how long it was to last."""
        tags = [*winner.context_tags, *(tag for tag in loser.context_tags if tag not in winner.context_tags)]
        values: dict[str, Any] = {}
        if len(tags) > len(winner.context_tags):
            values["context_tags"] = tags[:50]
        if loser.importance_score > winner.importance_score:
            values["importance_score"] = loser.importance_score
        if winner.expires_at is not None and (loser.expires_at is None or loser.expires_at > winner.expires_at):
            values["expires_at"] = loser.expires_at
        if values:
            key = (owner.tenant_id, owner.user_id, winner.memory_no)
            why = f"takes over from {loser.memory_id}"
            await changes.apply(transaction, [key], values, Change("consolidated", REVIEW, why), now)


def _open(row: Row[Any]) -> bool:
    alive = row.expires_at is None or row.expires_at > datetime.now(UTC)
    return not row.is_archived and alive and not row.sensitive


def _turns_of_one_conversation(one: Row[Any], other: Row[Any]) -> bool:
    # What was said twice in one talk are two turns of it.
    return one.conversation_id is not None and one.conversation_id == other.conversation_id


def _statement(row: Row[Any]) -> Statement:
    return Statement(row.content, row.memory_type, row.importance_score, row.updated_at)

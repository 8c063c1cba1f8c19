"""Learning a user's graph again from the owners of their data; an operator asks."""

from datetime import UTC, datetime

from contracts.entity_extractor import Relearn
from contracts.identity import Identity
from contracts.methods import Empty
from entity_extractor.domain.graph import SourceKey
from entity_extractor.repository import entities, facts, sources, turns
from entity_extractor.use_cases.learning import LearningUseCases
from entity_extractor.use_cases.schemas import SchemaUseCases
from entity_extractor.use_cases.turns import TurnUseCases
from persistence import Database


class RebuildUseCases:
    """Does what the events did, for what is there now: what was looked at already counts once."""

    def __init__(
        self, database: Database, schemas: SchemaUseCases, learning: LearningUseCases, reading: TurnUseCases
    ) -> None:
        self._database = database
        self._schemas = schemas
        self._learning = learning
        self._reading = reading

    async def reset(self, _: Empty, owner: Identity) -> Empty:
        """Forget what was learned: schemas, queries, turns and memories are to be looked at again.

        What the user decided stays: concepts they merged or deleted, facts they had forgotten.
        """
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            await turns.lock(transaction, owner)
            await facts.reset(transaction, owner)
            await turns.reset(transaction, owner)
            await entities.reset(transaction, owner)
            await sources.reset(transaction, owner)
        return Empty()

    async def relearn(self, request: Relearn, owner: Identity) -> Empty:
        """Look at these things, each as it is now."""
        now = datetime.now(UTC)
        for data_source_id in request.data_source_ids:
            await self._schemas.look_at(SourceKey(owner, data_source_id), now)
        for query in request.queries:
            await self._learning.learn(owner, query.query_id, query.executed_at, since=now)
            key = SourceKey(owner, query.data_source_id)
            await self._learning.rate(key, query.query_id, query.trust, query.executed_at, since=now)
        keys = [
            *(turns.TurnKey("message", each) for each in request.message_ids),
            *(turns.TurnKey("memory", each) for each in request.memory_ids),
        ]
        if keys:
            await self._reading.look_at(owner, keys)
        return Empty()

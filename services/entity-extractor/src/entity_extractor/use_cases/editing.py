"""What users change in their graph themselves: two entities are one, or one is none."""

from dataclasses import replace
from datetime import UTC, datetime

from contracts.entity_extractor import Entity, EntityRef, MergeEntities
from contracts.events import EntityUpdated
from contracts.identity import Identity
from contracts.methods import Empty
from entity_extractor.domain.graph import Entity as KeptEntity
from entity_extractor.domain.graph import SourceKey
from entity_extractor.errors import conflict, invalid, not_found
from entity_extractor.repository import entities, mentions, turns
from messaging import Outbox
from persistence import Database, Transaction


class EditingUseCases:
    """Tables and columns are what their schema says: only what users have defined can be merged and deleted."""

    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._database = database
        self._outbox = outbox

    async def merge(self, request: MergeEntities, owner: Identity) -> Entity:
        """The entity that now has the mentions of both; whoever names the other means it.

        Raises:
            ProblemError: one of them is `not-found`, or the one to merge is declared by a schema (`conflict`).
        """
        if request.entity_id == request.into:
            raise invalid("into", "must be another entity")
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            await turns.lock(transaction, owner)
            merged = await self._concept(transaction, owner, request)
            if not await entities.shown(transaction, owner, [request.into]):
                raise not_found("into")
            standing = replace(merged, properties={"merged_into": str(request.into)}, retired_at=datetime.now(UTC))
            # Those that were merged into it before stand for the new one, too.
            earlier = [
                replace(each, properties={"merged_into": str(request.into)})
                for each in (await entities.concepts(transaction, owner)).values()
                if each.is_merged and each.stands_for == merged.entity_id
            ]
            await entities.save(transaction, SourceKey(owner, None), [standing, *earlier])
            moved = await mentions.move(transaction, owner, merged.entity_id, request.into)
            await entities.count(transaction, owner, {merged.entity_id: -merged.mention_count, request.into: moved})
            (shown,) = await entities.shown(transaction, owner, [request.into])
            await self._outbox.emit(
                transaction,
                EntityUpdated(entity_id=merged.entity_id, entity_type=merged.node.entity_type),
                EntityUpdated(entity_id=shown.entity_id, entity_type=shown.entity_type),
                identity=owner,
            )
        return shown

    async def delete(self, request: EntityRef, owner: Identity) -> Empty:
        """Delete a concept; it returns when its term is given another meaning.

        Raises:
            ProblemError: it is `not-found`, or declared by a schema (`conflict`).
        """
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            await turns.lock(transaction, owner)
            concept = await self._concept(transaction, owner, request)
            # Kept out of service, so that the definition it came from does not bring it back at once.
            named = await mentions.of_entity(transaction, owner, concept.entity_id)
            await mentions.remove(transaction, owner, named)
            await entities.count(transaction, owner, {concept.entity_id: -len(named)})
            gone = replace(concept, retired_at=datetime.now(UTC))
            await entities.save(transaction, SourceKey(owner, None), [gone])
            event = EntityUpdated(entity_id=concept.entity_id, entity_type=concept.node.entity_type)
            await self._outbox.emit(transaction, event, identity=owner)
        return Empty()

    async def _concept(self, transaction: Transaction, owner: Identity, request: EntityRef) -> KeptEntity:
        found = [each for each in await entities.find(transaction, owner, [request.entity_id]) if not each.retired_at]
        if not found:
            raise not_found("entity_id")
        if found[0].is_declared:
            raise conflict("it is declared by the schema of its data source")
        return found[0]

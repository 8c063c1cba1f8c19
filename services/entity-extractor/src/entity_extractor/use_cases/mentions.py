"""Counting what turns and memories name; concepts are what users have defined."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from contracts.events import EntityCreated
from contracts.identity import Identity
from contracts.memory_store import ANNOTATE, MAX_RELATED, AnnotateMemory
from entity_extractor.domain.facts import Statement
from entity_extractor.domain.graph import Entity, Node, SourceKey
from entity_extractor.domain.mentions import KnownEntities
from entity_extractor.domain.words import name_words
from entity_extractor.repository import entities, facts, mentions, turns
from entity_extractor.repository.mentions import Mention
from entity_extractor.repository.turns import Read, TurnKey
from messaging import Outbox
from persistence import Transaction

_MAX_NAME_CHARS = 100


class MentionUseCases:
    """Whoever calls it holds the lock on the user's turns."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    async def read(
        self, transaction: Transaction, owner: Identity, read: Sequence[Read], again: Collection[TurnKey]
    ) -> None:
        """Note what these name, after they were marked as read; of those that are read again, what has changed."""
        if read:
            known = KnownEntities(await entities.known(transaction, owner))
            await self._match(transaction, owner, known, read, again)

    async def match_again(self, transaction: Transaction, owner: Identity) -> None:
        """Look at everything that was read once more: there are other entities now."""
        known = KnownEntities(await entities.known(transaction, owner))
        await self._match(transaction, owner, known, await turns.latest(transaction, owner), None)

    async def forget(self, transaction: Transaction, owner: Identity, keys: Collection[TurnKey]) -> None:
        """What these named they name no more; before they are unmarked."""
        if keys:
            gone = await mentions.of_turns(transaction, owner, keys)
            await mentions.remove(transaction, owner, gone)
            await entities.count(transaction, owner, {each: -n for each, n in mentions.counted(gone).items()})

    async def define(self, transaction: Transaction, owner: Identity) -> None:
        """Have a concept for each term that is defined, and look for new ones in what was read before."""
        known = await entities.concepts(transaction, owner)
        wanted = {entity.entity_id: entity for entity in _concepts(owner, await facts.definitions(transaction, owner))}
        # One that was merged into another stays, so that its name goes on to mean the other.
        gone = [each for each, entity in known.items() if each not in wanted and not entity.is_merged]
        changed = [
            entity
            for each, entity in wanted.items()
            if each not in known or (known[each].description != entity.description and not known[each].is_merged)
        ]
        await entities.remove(transaction, owner, gone)
        await entities.save(transaction, SourceKey(owner, None), changed)
        new = [entity for entity in changed if entity.entity_id not in known]
        created = [EntityCreated(entity_id=each.entity_id, entity_type="concept") for each in new]
        await self._outbox.emit(transaction, *created, identity=owner)
        if any(each.entity_id not in known or known[each.entity_id].retired_at for each in changed):
            await self.match_again(transaction, owner)

    async def _match(
        self,
        transaction: Transaction,
        owner: Identity,
        known: KnownEntities,
        read: Iterable[Read],
        keys: Collection[TurnKey] | None,
    ) -> None:
        named = {each.key: known.named(each.words, each.data_source_id) for each in read}
        wanted: set[Mention] = {(key, entity.stands_for) for key, found in named.items() for entity in found}
        before = await mentions.of_turns(transaction, owner, keys)
        new, gone = wanted - before, before - wanted
        await mentions.remove(transaction, owner, gone)
        await mentions.add(transaction, owner, sorted(new))
        changes = mentions.counted(new)
        changes.subtract(mentions.counted(gone))
        await entities.count(transaction, owner, changes)
        await self._annotate(transaction, owner, new, gone)

    async def _annotate(
        self,
        transaction: Transaction,
        owner: Identity,
        new: Collection[Mention],
        gone: Collection[Mention],
    ) -> None:
        """Have memories say which entities they name."""
        ids = {entity_id for key, entity_id in (*new, *gone) if key.source_type == "memory"}
        if not ids:
            return
        names = {each.entity_id: each.node.entity_name for each in await entities.find(transaction, owner, ids)}
        add: dict[UUID, list[str]] = defaultdict(list)
        remove: dict[UUID, list[str]] = defaultdict(list)
        for changed, found in ((new, add), (gone, remove)):
            for key, entity_id in sorted(changed):
                name = names.get(entity_id)
                if key.source_type == "memory" and name and len(name) <= _MAX_NAME_CHARS:
                    found[key.source_id].append(name)
        for memory_id in sorted(add.keys() | remove.keys()):
            request = AnnotateMemory(
                memory_id=memory_id,
                add=tuple(add[memory_id][:MAX_RELATED]),
                remove=tuple(remove[memory_id][:MAX_RELATED]),
            )
            await self._outbox.command(transaction, ANNOTATE, request, owner)


def _concepts(owner: Identity, definitions: Iterable[Statement]) -> Iterable[Entity]:
    key = SourceKey(owner, None)
    for said in definitions:
        words = name_words(said.subject)
        if words:
            node = Node("concept", said.subject)
            entity_id = key.entity_id(Node("concept", said.subject.casefold()))
            yield Entity(entity_id, node, {}, f"{said.predicate} {said.object}", words)

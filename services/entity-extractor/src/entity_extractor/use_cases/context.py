"""What the graph knows that bears on a question."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from contracts.entity_extractor import ContextOf, KnownJoin, KnownMeaning, KnownSynonym, KnownUse, QuestionContext
from contracts.identity import Identity
from entity_extractor.domain.facts import Statement
from entity_extractor.domain.graph import Aging, Entity, Relationship, SourceKey
from entity_extractor.domain.meaning import meant
from entity_extractor.domain.mentions import Vocabulary
from entity_extractor.domain.paths import JoinEdge, JoinGraph
from entity_extractor.domain.schema_graph import table_node
from entity_extractor.domain.synonyms import Asked, Synonym, asked_alike, synonyms
from entity_extractor.domain.words import name_words, question_words, words_by_stem
from entity_extractor.repository import entities, facts, relationships, sources
from persistence import Database, Transaction

MAX_TABLES = 20
MAX_COLUMNS = 50
MAX_JOINS = 50
MAX_USES = 50
MAX_SYNONYMS = 20
MAX_MEANINGS = 20


@dataclass(frozen=True, slots=True)
class _Meant:
    """The tables and columns a question means, those it names first, and what else its words say."""

    tables: tuple[str, ...]
    columns: tuple[str, ...]
    synonyms: tuple[tuple[Synonym, Entity], ...]
    meanings: tuple[KnownMeaning, ...]


class ContextUseCases:
    """Answers what a question of one user means."""

    def __init__(self, database: Database, *, half_life: timedelta) -> None:
        self._database = database
        self._half_life = half_life

    async def context(self, request: ContextOf, owner: Identity) -> QuestionContext:
        """The tables and columns a question means: those it names, be it with a typing error or in the words of its
        user's definitions, those its words meant in earlier questions, and those that a question much like it used; the
        joins between its tables, over others where need be; and what the columns of its tables are used for.
        """
        stems = words_by_stem(request.question)
        if not stems:
            return QuestionContext()
        key = SourceKey(owner, request.data_source_id)
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            found = await self._meant(transaction, key, frozenset(stems))
            table_ids = [key.entity_id(table_node(table)) for table in found.tables]
            edges = await relationships.of_question(transaction, key, table_ids) if found.tables else []
        connected, joins = self._joined(found.tables, edges)
        return QuestionContext(
            tables=connected,
            columns=found.columns[:MAX_COLUMNS],
            joins=joins,
            uses=_uses(edges),
            synonyms=tuple(
                KnownSynonym(
                    word=stems.get(each.word, each.word), entity=entity.node.entity_name, share=round(each.share, 2)
                )
                for each, entity in found.synonyms
            ),
            meanings=found.meanings,
        )

    async def _meant(self, transaction: Transaction, key: SourceKey, said: Collection[str]) -> _Meant:
        vocabulary = Vocabulary(await entities.words_of(transaction, key))
        words = vocabulary.corrected(said)
        defined = [each for each in await facts.definitions(transaction, key.owner) if _names(each, words)]
        explained = words.union(*(question_words(each.object) for each in defined))
        meaning = meant(await entities.named_by(transaction, key, explained))
        asked: Sequence[Asked] = await sources.asked(transaction, key)
        learned = synonyms(words, asked)
        alike = asked_alike(words, asked)
        others = await _in_service(transaction, key, {each.entity_id for each in learned} | alike)
        meant_too = [
            (each, others[each.entity_id])
            for each in learned
            if each.entity_id in others and each.word not in others[each.entity_id].words
        ][:MAX_SYNONYMS]
        further = [*(entity for _, entity in meant_too), *(others[each] for each in sorted(alike) if each in others)]
        return _Meant(
            tables=tuple(dict.fromkeys([*meaning.tables, *map(_table, further)]))[:MAX_TABLES],
            columns=tuple(dict.fromkeys([*meaning.columns, *_columns(further)])),
            synonyms=tuple(meant_too),
            meanings=tuple(
                KnownMeaning(term=each.subject, predicate=each.predicate, meaning=each.object)
                for each in defined[-MAX_MEANINGS:]
            ),
        )

    def _joined(
        self, tables: tuple[str, ...], edges: Iterable[Relationship]
    ) -> tuple[tuple[str, ...], tuple[KnownJoin, ...]]:
        aging = Aging(datetime.now(UTC), self._half_life)
        graph = JoinGraph(
            JoinEdge(edge.source_name, edge.target_name, edge.context, edge.strength(aging))
            for edge in edges
            if edge.relationship_type == "joins_with"
        )
        connected = graph.connected(tables, limit=MAX_TABLES)
        joins = tuple(
            KnownJoin(left_table=join.left, right_table=join.right, condition=join.condition, strength=join.strength)
            for join in graph.between(connected)[:MAX_JOINS]
        )
        return connected, joins


async def _in_service(transaction: Transaction, key: SourceKey, ids: Collection[UUID]) -> Mapping[UUID, Entity]:
    found = await entities.find(transaction, key.owner, ids) if ids else []
    return {entity.entity_id: entity for entity in found if not entity.retired_at}


def _names(definition: Statement, words: Collection[str]) -> bool:
    term = name_words(definition.subject)
    return bool(term) and all(word in words for word in term)


def _table(entity: Entity) -> str:
    return entity.node.entity_name if entity.node.entity_type == "table" else str(entity.properties["table"])


def _columns(found: Iterable[Entity]) -> list[str]:
    return [entity.node.entity_name for entity in found if entity.node.entity_type == "column"]


def _uses(edges: Iterable[Relationship]) -> tuple[KnownUse, ...]:
    counts: dict[tuple[str, str], int] = {}
    for edge in edges:
        if edge.relationship_type in relationships.USES:
            use = (edge.target_name, edge.relationship_type)
            counts[use] = counts.get(use, 0) + edge.usage_count
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MAX_USES]
    return tuple(
        KnownUse.model_validate({"column": column, "use": use, "usage_count": count}) for (column, use), count in ranked
    )

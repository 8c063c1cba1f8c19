"""Which entities a text names, forgiving a typing error."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from rapidfuzz import process
from rapidfuzz.distance import OSA

from entity_extractor.domain.graph import Entity
from entity_extractor.domain.meaning import meant

_SHORT, _LONG = 5, 8
"""A word of less letters must be right; one of more may have two letters wrong, else one."""


class Vocabulary:
    """The words that name entities."""

    def __init__(self, words: Iterable[str]) -> None:
        self._words = frozenset(words)
        self._corrigible = sorted(word for word in self._words if len(word) >= _SHORT)

    def corrected(self, words: Iterable[str]) -> frozenset[str]:
        """The words, each that is unknown replaced by the known one it was most likely meant to be."""
        return frozenset(self._corrected(word) for word in words)

    def _corrected(self, word: str) -> str:
        if word in self._words or len(word) < _SHORT:
            return word
        slips = 2 if len(word) >= _LONG else 1
        found = process.extractOne(word, self._corrigible, scorer=OSA.distance, score_cutoff=slips)
        # The first letter is hardly ever the wrong one.
        return found[0] if found is not None and found[0][0] == word[0] else word


class KnownEntities:
    """The entities of a user that a text may name, of one data source and of none."""

    def __init__(self, entities: Iterable[tuple[UUID | None, Entity]]) -> None:
        known = list(entities)
        # What stood for an entity that has gone stands for nothing until that returns.
        there = {entity.entity_id for _, entity in known if not entity.is_merged}
        self._by_source: dict[UUID | None, list[Entity]] = defaultdict(list)
        for source, entity in known:
            if entity.words and entity.stands_for in there:
                self._by_source[source].append(entity)
        self._by_word: dict[UUID | None, dict[str, list[Entity]]] = {
            source: _by_first_word(found) for source, found in self._by_source.items()
        }
        self._vocabulary = Vocabulary(
            word for found in self._by_source.values() for entity in found for word in entity.words
        )

    def named(self, words: Collection[str], source: UUID | None) -> list[Entity]:
        """The entities that these words name: of the source that the text is about, or of any when that is not known,
        and those of no source.
        """
        corrected = self._vocabulary.corrected(words)
        sources = self._by_source.keys() if source is None else {source, None}
        return [entity for each in sources for entity in self._named_in(each, corrected)]

    def _named_in(self, source: UUID | None, words: Collection[str]) -> list[Entity]:
        by_word = self._by_word.get(source, {})
        named = [
            entity for word in words for entity in by_word.get(word, ()) if all(each in words for each in entity.words)
        ]
        named.sort(key=lambda entity: (entity.node.entity_type != "table", -len(entity.words), entity.node.entity_name))
        return _certain(named)


def _certain(named: Sequence[Entity]) -> list[Entity]:
    """Without columns that a word of everyday language names: "name" means a column only beside its table."""
    meaning = meant(named)
    tables = {entity.node.entity_name for entity in named if entity.node.entity_type == "table"}
    return [
        entity
        for entity in named
        if entity.node.entity_type != "column"
        or (
            entity.node.entity_name in meaning.columns
            and (entity.properties.get("table") in tables or len(entity.words) > 1)
        )
    ]


def _by_first_word(entities: Iterable[Entity]) -> dict[str, list[Entity]]:
    found: dict[str, list[Entity]] = defaultdict(list)
    for entity in entities:
        found[entity.words[0]].append(entity)
    return found

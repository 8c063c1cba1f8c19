"""Which data source a question is about, told from the words of their schemas."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from contracts.sql_generator import DatabaseSchema, RecommendedSource, SourceKind, TermMatch
from sql_generator.generation.offline.lexicon import LIGHT_WORDS
from sql_generator.generation.words import words

TERMS_VERSION: Final = 1
"""Of the way in which terms are made: those of another version are made anew."""

MAX_TERMS: Final = 5_000
MAX_PLACES: Final = 3
CLEAR_LEAD: Final = 0.2
"""By how much the best source must lead for it to be asked without asking back."""

_SOURCE_WEIGHT = 3.0
_TABLE_WEIGHT = 3.0
_VALUE_WEIGHT = 2.0
_COLUMN_WEIGHT = 1.0
_COMMENT_WEIGHT = 0.5
_SAY_NOTHING = words(" ".join(LIGHT_WORDS))


@dataclass(frozen=True, slots=True)
class Term:
    """The stem of a word, where it stands in a schema, and how much the best of these places tells."""

    word: str
    weight: float
    places: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """A data source, and its terms that a question shares."""

    data_source_id: UUID
    name: str
    kind: SourceKind
    terms: Sequence[Term]


def terms_of(schema: DatabaseSchema) -> list[Term]:
    """The most telling terms of a schema, at most `MAX_TERMS`: of tables, values, columns and comments."""
    weights: dict[str, float] = {}
    places: dict[str, list[str]] = {}
    for text, weight, place in sorted(_texts(schema), key=lambda each: -each[1]):
        for word in words(text):
            weights.setdefault(word, weight)
            found = places.setdefault(word, [])
            if len(found) < MAX_PLACES and place not in found:
                found.append(place)
    # In the order in which they were met, so the most telling first.
    return [Term(word, weight, tuple(places[word])) for word, weight in list(weights.items())[:MAX_TERMS]]


def asked_words(question: str) -> set[str]:
    """The words of a question that may tell a data source."""
    return words(question) - _SAY_NOTHING


def ranked(question: str, known: Sequence[Known]) -> tuple[RecommendedSource, ...]:
    """The data sources that share a word with the question, best first.

    A score is the share of what any of them knows of the question, from 0 to 1: each word counts by the best place it
    has in a schema, and by how few sources have it (inverse document frequency, ln(1 + sources / sources with it)).
    """
    asked = asked_words(question)
    terms = {source.data_source_id: _with_name(source, asked) for source in known}
    having = Counter(word for found in terms.values() for word in found)
    rarity = {word: math.log(1 + len(known) / count) for word, count in having.items()}
    best = {word: max(found[word].weight for found in terms.values() if word in found) for word in having}
    whole = sum(best[word] * rarity[word] for word in having)
    recommended = [
        RecommendedSource(
            data_source_id=source.data_source_id,
            name=source.name,
            kind=source.kind,
            score=round(sum(term.weight * rarity[word] for word, term in found.items()) / whole, 3),
            matches=tuple(
                TermMatch(word=word, places=term.places)
                for word, term in sorted(found.items(), key=lambda each: (-each[1].weight, each[0]))
            ),
        )
        for source in known
        if (found := terms[source.data_source_id])
    ]
    return tuple(sorted(recommended, key=lambda each: (-each.score, each.name, str(each.data_source_id))))


def is_clear(recommended: Sequence[RecommendedSource]) -> bool:
    """Whether the first is meant: it leads the second by `CLEAR_LEAD`."""
    if not recommended:
        return False
    second = recommended[1].score if len(recommended) > 1 else 0.0
    return recommended[0].score - second >= CLEAR_LEAD


def _with_name(source: Known, asked: set[str]) -> Mapping[str, Term]:
    found = {term.word: term for term in source.terms if term.word in asked}
    for word in asked & words(source.name):
        known = found.get(word)
        places = ("name", *(known.places if known else ()))
        found[word] = Term(word, max(_SOURCE_WEIGHT, known.weight if known else 0.0), places)
    return found


def _texts(schema: DatabaseSchema) -> Iterator[tuple[str, float, str]]:
    for table in schema.tables:
        yield table.name, _TABLE_WEIGHT, f"table {table.name}"
        yield table.comment, _COMMENT_WEIGHT, f"comment on {table.name}"
        for column in table.columns:
            name = f"{table.name}.{column.name}"
            yield column.name, _COLUMN_WEIGHT, f"column {name}"
            yield column.comment, _COMMENT_WEIGHT, f"comment on {name}"
            for sample in column.samples:
                yield sample, _VALUE_WEIGHT, f"value of {name}"

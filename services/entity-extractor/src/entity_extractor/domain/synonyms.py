"""Words that people use for tables and columns of other names, learned from questions whose queries succeeded."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from entity_extractor.domain.words import question_words

MIN_QUESTIONS = 2
MIN_SHARE = 0.75
MIN_LIFT = 1.5
"""How much more often the entity is used where the word is said than elsewhere: words of every question are none of its
names."""

MIN_LIKENESS = 0.5
"""Share of their words that two questions have in common, from which they are about the same tables."""

_FUNCTION_WORDS = """
a about after all also an and any are as ask at average be been before below between both but by can could count date
did do does each either every find first for from get give had has have highest how i id if in into is it its kind last
least less list lowest many maximum me minimum more most much name named names neither no not number of on one only or
order other our out over per please return select show so some sort sorted sum tell than that the their them then there
these they this those to top total two type under up us was we were what when where which who whose why will with
without would you your
"""
FUNCTION_WORDS = question_words(_FUNCTION_WORDS)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question whose query succeeded: its stems, and the tables and columns the query used."""

    words: frozenset[str]
    entities: frozenset[UUID]


@dataclass(frozen=True, slots=True)
class Synonym:
    """A word that means an entity, and in how many of the questions with the word its query used that."""

    word: str
    entity_id: UUID
    questions: int
    share: float


def synonyms(words: Collection[str], asked: Sequence[Asked]) -> list[Synonym]:
    """What words mean besides what they name, the surest first: the share of the questions with the word whose queries
    used the entity is high, and higher than among all questions.
    """
    used = Counter(entity for each in asked for entity in each.entities)
    found: list[Synonym] = []
    for word in sorted(set(words) - FUNCTION_WORDS):
        saying = [each for each in asked if word in each.words]
        together = Counter(entity for each in saying for entity in each.entities)
        for entity, questions in together.items():
            share = questions / len(saying)
            lift = share * len(asked) / used[entity]
            if questions >= MIN_QUESTIONS and share >= MIN_SHARE and lift >= MIN_LIFT:
                found.append(Synonym(word, entity, questions, share))
    return sorted(found, key=lambda each: (-each.share, -each.questions, each.word, str(each.entity_id)))


def asked_alike(words: Collection[str], asked: Sequence[Asked]) -> frozenset[UUID]:
    """The tables and columns that the most similar question used; none where no question is similar (Jaccard index of
    their words).
    """
    said = set(words) - FUNCTION_WORDS

    def likeness(each: Asked) -> float:
        theirs = each.words - FUNCTION_WORDS
        return len(said & theirs) / max(1, len(said | theirs))

    def place(each: Asked) -> tuple[float, list[str], list[str]]:
        return likeness(each), sorted(each.words), sorted(map(str, each.entities))

    closest = max(asked, key=place, default=None)
    return closest.entities if closest is not None and likeness(closest) >= MIN_LIKENESS else frozenset()

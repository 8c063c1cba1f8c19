"""Facts: what was said, as subject, predicate and object; which of them contradict each other; how they are put into
words.

A fact is the sum of its mentions, so the same mentions give the same facts whatever order they came in.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from contracts.entity_extractor import FactKind, FactSource
from contracts.identity import Identity
from contracts.sql_generator import RuleType

USER = "user"
TEAM = "team"
MIN_CONFIDENCE = 0.7
"""Below it a statement is not stored: junk is worse than silence."""
MAX_SUBJECT_CHARS = 200
MAX_OBJECT_CHARS = 500

_NAMESPACE = UUID("2f3b3c0a-7c0e-4a43-9a58-6f0d8f1f3c11")
_SPACE = re.compile(r"\s+")

# What only one of can be preferred at a time.
_FAMILIES = {
    "currency": "euro euros eur dollar dollars usd pound pounds gbp franc francs chf yen jpy",
    "chart": "bar line pie scatter area column donut histogram histograms",
    "theme": "dark light",
    "units": "metric imperial",
    "answers": "short long brief detailed concise",
}
_FAMILY_OF = {word: family for family, words in _FAMILIES.items() for word in words.split()}
_CHARTS = re.compile(r"\b(charts?|plots?|graphs?|histograms?|diagrams?)\b")
_LEAVES_OUT = re.compile(
    r"\b(exclude[ds]?|leave out|ignored?|omit(ted)?|only|filter(ed)?|without|never (count|include|show)\w*)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W_]+")
_TASTES = frozenset({"prefers", "likes", "dislikes"})
_SKILLS = frozenset({"knows", "is new to"})
_MANY = frozenset({"leads", "is responsible for", "is allergic to", "is", "speaks", "uses", "works as"})


@dataclass(frozen=True, slots=True)
class Statement:
    """What a text says: a fact without where it comes from."""

    kind: FactKind
    subject: str
    predicate: str
    object: str
    confidence: float = 0.9

    def fact_id(self, owner: Identity) -> UUID:
        """The id of the fact: the same whoever says it again, in whatever case."""
        return _id(owner, "fact", self.kind, _folded(self.subject), self.predicate, _folded(self.object))

    def slot_id(self, owner: Identity) -> UUID | None:
        """The id that statements share of which only one can hold; None of one that contradicts nothing."""
        slot = self._slot()
        return _id(owner, "slot", *slot) if slot else None

    def _slot(self) -> tuple[str, ...] | None:
        subject, what = _folded(self.subject), _folded(self.object)
        if self.kind in {"rule", "note"} or self.predicate in _MANY:
            return None
        if self.predicate in _TASTES:
            family = _family(what) if self.predicate == "prefers" else None
            return (subject, "prefers", family) if family else (subject, "taste", what)
        if self.predicate in _SKILLS:
            return subject, "skill", what
        return subject, self.predicate

    def in_words(self) -> str:
        """The fact as a memory says it."""
        if self.kind in {"rule", "note"}:
            text = self.object
        elif self.subject == USER:
            text = f"{self.predicate} {self.object}"
        else:
            text = f"{self.subject} {self.predicate} {self.object}"
        return text[:1].upper() + text[1:]


@dataclass(frozen=True, slots=True)
class Mention:
    """A statement and where it was made."""

    statement: Statement
    source_type: FactSource
    source_id: UUID
    conversation_id: UUID | None
    said_at: datetime

    @property
    def recency(self) -> tuple[datetime, str]:
        """What later mentions have more of."""
        return self.said_at, str(self.source_id)


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact as it is kept. `remembered_at`: since when it is a memory, too, or was proposed as a rule."""

    fact_id: UUID
    slot_id: UUID | None
    statement: Statement
    mention_count: int
    source_type: FactSource
    source_id: UUID
    said_at: datetime
    from_message: bool
    superseded_by: UUID | None = None
    remembered_at: datetime | None = None

    @property
    def is_to_be_remembered(self) -> bool:
        """Whether it should be known outside of the graph. One that only memories say is a memory already."""
        return self.from_message and self.superseded_by is None


def summed_up(owner: Identity, mentions: Sequence[Mention]) -> Fact:
    """The fact that these mentions, all of the same one, make: worded as it was last, as sure as the surest."""
    latest = max(mentions, key=lambda mention: mention.recency)
    said = latest.statement
    surest = max(mention.statement.confidence for mention in mentions)
    return Fact(
        fact_id=said.fact_id(owner),
        slot_id=said.slot_id(owner),
        statement=Statement(said.kind, said.subject, said.predicate, said.object, surest),
        mention_count=len(mentions),
        source_type=latest.source_type,
        source_id=latest.source_id,
        said_at=latest.said_at,
        from_message=any(mention.source_type == "message" for mention in mentions),
    )


def holds(contradicting: Iterable[Fact]) -> Fact | None:
    """Which of the facts of one slot holds: the one said last."""
    return max(contradicting, key=lambda fact: (fact.said_at, str(fact.fact_id)), default=None)


def rule_type(text: str) -> RuleType:
    """What kind of rule a wish is: one that leaves rows out is a constraint, any other a preference."""
    return "constraint" if _LEAVES_OUT.search(text) else "preference"


def _family(what: str) -> str | None:
    found = {_FAMILY_OF[word] for word in _WORD.findall(what) if word in _FAMILY_OF}
    if "chart" in found and not _CHARTS.search(what):
        found.discard("chart")
    return found.pop() if len(found) == 1 else None


def _folded(text: str) -> str:
    return _SPACE.sub(" ", text).strip().casefold()


def _id(owner: Identity, *parts: str) -> UUID:
    return uuid5(_NAMESPACE, json.dumps([owner.tenant_id, owner.user_id, *parts]))

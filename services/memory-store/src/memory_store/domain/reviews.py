"""Whether two memories say the same, or cannot both hold; and which of them stays.

Read by rules that would rather miss a case than take two statements for one: a memory that leaves search wrongly is
worse than one too many. Only preferences and rules contradict each other; facts about the world may both have been
true.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from contracts.events import MemoryType
from memory_store.domain import analyzer
from memory_store.domain.alternatives import (
    CALENDAR,
    DIRECTIONS,
    NUMBERS,
    PRESENTATION,
    SCOPES,
    TASTES,
    Family,
    alternatives,
)
from memory_store.domain.statements import plain, words

SIMILAR = 0.6
"""Cosine similarity below which two memories are not compared: none of the rules below was seen to fit there."""
MAX_CHARS = 500
"""A longer memory is no single statement."""

_LEAST_TERMS = 2
_DECISIVE_IMPORTANCE = 0.2

# Said again on another day, it is another fact.
_OF_A_MOMENT = re.compile(
    r"\b(today|yesterday|tomorrow|tonight|(?<!from )now|currently|recently|ago"
    r"|(this|last|next|past|coming|previous) (hour|day|night|morning|week|weekend|month|quarter|year|time))\b",
    re.IGNORECASE,
)
_CHOSEN = "currency language format timezone zone unit chart limit order schema database dialect view theme style size"
_LASTING = re.compile(
    rf"\b(by default|defaults? to|from now on|favou?rite|default (\w+ )?({_CHOSEN.replace(' ', '|')}))\b", re.IGNORECASE
)
_TASTES = plain("prefer like dislike love hate")

Words: TypeAlias = Sequence[str]
Verdict = Literal["same", "contradiction"]


@dataclass(frozen=True, slots=True)
class Statement:
    """A memory as far as its review needs it."""

    content: str
    memory_type: MemoryType
    importance: float
    updated_at: datetime


def verdict(one: Statement, other: Statement) -> Verdict | None:
    """Whether two memories of a user say the same or contradict each other; None when neither is sure."""
    if one.memory_type != other.memory_type or max(len(one.content), len(other.content)) > MAX_CHARS:
        return None
    if any(len(analyzer.terms(statement.content)) < _LEAST_TERMS for statement in (one, other)):
        return None
    first, second = words(one.content), words(other.content)
    if first == second:
        passing = one.memory_type != "rule" and _OF_A_MOMENT.search(one.content) is not None
        return None if passing else "same"
    if _binds(one, first) and _binds(other, second) and _contradict(first, second):
        return "contradiction"
    return None


def stays(one: Statement, other: Statement) -> Statement:
    """Which of two memories stays: the newer one, unless the older matters clearly more."""
    older, newer = sorted((one, other), key=lambda statement: statement.updated_at)
    return older if older.importance - newer.importance > _DECISIVE_IMPORTANCE else newer


def _binds(statement: Statement, said: Words) -> bool:
    if "?" in said:
        return False
    if statement.memory_type == "rule" or _LASTING.search(statement.content) is not None:
        return True
    head = next((word for word in said if word not in {"do", "does", "not"}), "")
    return head in {"alway", "never"} or head in _TASTES or "prefer" in said


def _contradict(one: Words, other: Words) -> bool:
    return _denies(one, other) or _prefers_otherwise(one, other) or _sets_otherwise(one, other)


# Verbs and participles as asking for something (1) or against it (-1).
_VERBS: dict[str, tuple[str, int]] = {
    **dict.fromkeys(plain("include keep"), ("include", 1)),
    **dict.fromkeys(plain("exclude ignore skip omit drop remove"), ("include", -1)),
    **dict.fromkeys(plain("show display"), ("show", 1)),
    **dict.fromkeys(plain("hide"), ("show", -1)),
    **dict.fromkeys(plain("use uses"), ("use", 1)),
    **dict.fromkeys(plain("avoid"), ("use", -1)),
    **dict.fromkeys(plain("like love"), ("like", 1)),
    **dict.fromkeys(plain("dislike hate"), ("like", -1)),
}
_PARTICIPLES: dict[str, tuple[str, int]] = {
    **dict.fromkeys(plain("included kept"), ("included", 1)),
    **dict.fromkeys(plain("excluded ignored skipped omitted dropped removed"), ("included", -1)),
    **dict.fromkeys(plain("shown displayed"), ("shown", 1)),
    **dict.fromkeys(plain("hidden"), ("shown", -1)),
}
_AUXILIARIES = plain("must should is are can may will shall")
_EMPHASIS = plain("always do does must should shall will you")
_DENIALS = plain("not never")
_SUBORDINATE = plain(
    "if when whenever unless where who whom whose which that while until because although after before once as since"
    " , ; . :"
)
_OPENINGS = (["from", "now", "on"], ["by", "default"])
_LEAST_ORDER = 2
"""A verb, and what it is to be done to."""


def _denies(one: Words, other: Words) -> bool:
    """The same is asked for and forbidden: "never show test accounts", "always show test accounts"."""
    for form in (_order, _assertion):
        first, second = form(one), form(other)
        if first and second and first[0] == second[0] and first[1] != second[1]:
            return True
    return False


def _order(said: Words) -> tuple[list[str], int] | None:
    """What an imperative is about, and whether it asks for that or against it."""
    rest, sign = list(said), 1
    for opening in _OPENINGS:
        if rest[: len(opening)] == opening:
            rest = rest[len(opening) :]
    while rest and (rest[0] in _EMPHASIS or rest[0] in _DENIALS or rest[0] == ","):
        sign *= -1 if rest[0] in _DENIALS else 1
        rest = rest[1:]
    if len(rest) < _LEAST_ORDER:
        return None
    verb, direction = _VERBS.get(rest[0], (rest[0], 1))
    if verb == "prefer" and rest[1] in _DENIALS:
        return [verb, *rest[2:]], -sign
    if verb == "include":
        # Included in what, excluded from what.
        rest = ["in" if word == "from" else word for word in rest]
    return [verb, *rest[1:]], sign * direction


def _assertion(said: Words) -> tuple[list[str], int] | None:
    """What a sentence says of its subject, and whether it says or denies it; none where only a part is denied."""
    place = next((place for place, word in enumerate(said) if word in _AUXILIARIES), 0)
    subject, rest, sign = said[:place], list(said[place + 1 :]), 1
    if not subject or _SUBORDINATE.intersection(subject):
        return None
    while rest and (rest[0] in _DENIALS or rest[0] in {"alway", "be"}):
        sign *= -1 if rest[0] in _DENIALS else 1
        rest = rest[1:]
    if not rest:
        return None
    verb, direction = _PARTICIPLES.get(rest[0], (rest[0], 1))
    return [*subject, said[place], verb, *rest[1:]], sign * direction


def _prefers_otherwise(one: Words, other: Words) -> bool:
    """One of a kind is preferred, then another: "bar charts", "line charts"; not "bar charts", "short answers"."""
    if "prefer" not in one or "prefer" not in other:
        return False
    place, other_place = one.index("prefer"), other.index("prefer")
    if one[:place] != other[:other_place]:
        return False
    first, second = one[place + 1 :], other[other_place + 1 :]
    (liked, less_liked, scope), (now_liked, now_less_liked, now_scope) = _weighed(first), _weighed(second)
    if less_liked or now_less_liked:
        return (liked, less_liked, scope) == (now_less_liked, now_liked, now_scope)
    return alternatives(first, second, TASTES)


def _weighed(said: Words) -> tuple[list[str], list[str], list[str]]:
    """What is preferred, to what, and where."""
    for place, word in enumerate(said):
        length = 2 if word in {"rather", "instead"} and said[place + 1 : place + 2] in (["than"], ["of"]) else 1
        if place and (length > 1 or word in {"over", "to"}):
            less_liked, scope = _scoped(said[place + length :])
            return list(said[:place]), less_liked, scope
    return list(said), [], []


# Verbs that set something, the word behind which it is set, and the kinds of which only one can be set.
_SETTINGS: dict[str, tuple[frozenset[str], tuple[Family, ...] | None]] = {
    **dict.fromkeys(("round", "limit", "cap", "truncate"), (frozenset(("to", "at")), (NUMBERS,))),
    **dict.fromkeys(("sort", "order"), (frozenset(("by",)), None)),
    "format": (frozenset(("as",)), None),
    **dict.fromkeys(
        ("show", "display", "report", "express", "convert", "write", "print"),
        (frozenset(("in", "as", "to")), PRESENTATION),
    ),
    **dict.fromkeys(("answer", "reply", "respond"), (frozenset(("in",)), PRESENTATION)),
}
_BOUNDS = plain("start starts begin begins end ends")
_MEANINGS = (["means"], ["mean"], ["is", "defined", "as"], ["equals"], ["equal"], ["refer", "to"], ["default", "to"])
_PRONOUNS = plain("it this that these those he she they we you which what")
_FAVOURITES = plain("favourite favorite preferred")
_CHOICES = plain(_CHOSEN)


def _sets_otherwise(one: Words, other: Words) -> bool:
    """The same thing is set to something else: "the fiscal year starts in April", "… in July"."""
    for form in (_setting, _bound, _meaning):
        first, second = form(one), form(other)
        if first is None or second is None or first[0] != second[0] or first[2] != second[2]:
            continue
        if alternatives(first[1], second[1], first[2]) if first[2] is not None else _differ(first[1], second[1]):
            return True
    return False


Set: TypeAlias = tuple[list[str], list[str], tuple[Family, ...] | None]
"""What is set, to what, and of which kinds that must be; None for any."""


def _setting(said: Words) -> Set | None:
    rest = [word for place, word in enumerate(said) if place or word != "alway"]
    if not rest or rest[0] not in _SETTINGS:
        return None
    behind, families = _SETTINGS[rest[0]]
    place = next((place for place, word in enumerate(rest) if word in behind), None)
    if place is None:
        return None
    if families is None and place == 1:
        # "Sort by date": nobody says what.
        families = DIRECTIONS
    return rest[: place + 1], rest[place + 1 :], families


def _bound(said: Words) -> Set | None:
    """Where something starts or ends."""
    place = next((place for place, word in enumerate(said) if place and word in _BOUNDS), None)
    if place is None or said[place + 1 : place + 2] == [] or said[place + 1] not in {"in", "on", "at", "with"}:
        return None
    return list(said[: place + 2]), list(said[place + 2 :]), CALENDAR


def _meaning(said: Words) -> Set | None:
    if not said or said[0] in _PRONOUNS:
        return None
    for relation in _MEANINGS:
        for place in range(1, len(said) - len(relation)):
            if list(said[place : place + len(relation)]) == relation:
                return [*said[:place], *relation], list(said[place + len(relation) :]), None
    place = said.index("is") if "is" in said else 0
    key = said[:place]
    if _FAVOURITES.intersection(key) or ("default" in key and key[-1] in _CHOICES):
        return list(said[: place + 1]), list(said[place + 1 :]), None
    return None


def _differ(one: Words, other: Words) -> bool:
    """Whether two meanings exclude each other: neither only says more, and they hold in the same places."""
    if alternatives(one, other, (NUMBERS, *CALENDAR, *DIRECTIONS), scopes=()):
        return True
    (first, scope), (second, other_scope) = _scoped(one), _scoped(other)
    shorter = min(len(first), len(second))
    return shorter > 0 and scope == other_scope and first[:shorter] != second[:shorter]


def _scoped(said: Words) -> tuple[list[str], list[str]]:
    end = next((place for place, word in enumerate(said) if place and word in SCOPES), len(said))
    return list(said[:end]), list(said[end:])

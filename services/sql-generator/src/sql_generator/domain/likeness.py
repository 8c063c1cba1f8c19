"""How like a past query is to a new question, beyond what their embeddings say.

To an embedding "the most" and "the fewest", "more than 3" and "more than 5", "the ids" and "the names" are nearly the
same. The SQL that answered a past question says better than its words what is computed, and of what.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sql_generator.generation.words import words

_WEIGHTS: Final = {"meaning": 1.0, "words": 0.4, "operations": 0.3, "names": 0.3, "numbers": 0.15}
"""Round numbers on a plateau, chosen on one half of a set of databases and confirmed on the other: docs/text2sql.md."""

_ASKED: Final = {
    operation: re.compile(pattern, re.IGNORECASE)
    for operation, pattern in {
        "count": r"\b(?:how many|number of|count|amount of)\b",
        "sum": r"\b(?:total|sum|altogether|combined)\b(?! number| count)",
        "average": r"\b(?:average|avg|mean)\b",
        "most": r"\b(?:(?<!at )most|highest|largest|biggest|greatest|maximum|max|top|longest|oldest|latest|newest|best"
        r"|heaviest|tallest|earliest)\b",
        "least": r"\b(?:(?<!at )least|lowest|smallest|fewest|minimum|min|shortest|youngest|worst|cheapest)\b",
        "more": r"\b(?:(?:more|greater|larger|higher|older|bigger|longer) than|over|above|at least|or more|exceed\w*"
        r"|after)\b",
        "less": r"\b(?:(?:less|fewer|lower|smaller|younger|shorter) than|under|below|at most|or less|before)\b",
        "not": r"\b(?:not|no|never|without|neither|nor|none|except|other than|exclud\w*)\b|n['’]t\b",
        "both": r"\b(?:both|and also|as well as)\b",
        "or": r"\b(?:or(?! more| less)|either)\b",
        "order": r"\b(?:sort\w*|order(?:ed|ing)?|ranked by|alphabetical\w*|lexicographic\w*)\b",
        "descending": r"\b(?:descending|decreasing|desc|reverse)\b|\bfrom (?:high|large|most|old|new)\w*\b",
        "ascending": r"\b(?:ascending|increasing|asc)\b|\bfrom (?:low|small|least|young)\w*\b",
    }.items()
}
_COMPUTED: Final = {
    operation: re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for operation, pattern in {
        "count": r"\bcount\s*\(",
        "sum": r"\bsum\s*\(",
        "average": r"\bavg\s*\(",
        "most": r"\bmax\s*\(|\bdesc\b.*\blimit\b",
        "least": r"\bmin\s*\(|^(?!.*\bdesc\b).*\blimit\b",
        "more": r">",
        "less": r"<(?!>)",
        "not": r"\b(?:not|except)\b|<>|!=",
        "both": r"\bintersect\b",
        "or": r"\b(?:or|union)\b",
        "order": r"^(?!.*\blimit\b).*\border by\b",
        "descending": r"^(?!.*\blimit\b).*\bdesc\b",
        "ascending": r"^(?!.*\b(?:limit|desc)\b).*\border by\b",
    }.items()
}
_STRING: Final = re.compile(r"'(?:[^']|'')*'")
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")
_NUMBER_WORDS: Final = {
    word: str(number)
    for number, word in enumerate(
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
    )
}
_WORD: Final = re.compile(r"[^\W\d_]+")
_QUOTED: Final = re.compile(r"\"[^\"]+\"|“[^”]+”|(?<!\w)'[^']+'(?!\w)")
_CAPITALISED: Final = re.compile(r"(?<=[^.?!\"\s])\s+([A-Z]\w*)")
_NO_NAMES: Final = frozenset({"i", "id", "ids"})
_SAY_NOTHING: Final = words(
    """
    a an the of in on for to by with from at and that which who whose what where when how is are was were be been do
    does did have has had there it its their them they we i you can could would this those these some any all each
    every among whom please show me give tell list find get return display many number count total name named
    """
)
"""Words that say how something is asked, or what is computed, which is compared by itself."""

_KEYWORDS: Final = frozenset(
    words(
        """
        select distinct from as join left inner outer cross on where and or not in is null like between exists group by
        having order asc desc limit offset union all except intersect case when then else end with cast count sum avg
        min max
        """
    )
)


@dataclass(frozen=True, slots=True)
class Past:
    """A past question and the SQL that answered it. `meaning` is how near it is to the new one, from 0 to 1."""

    question: str
    sql: str
    meaning: float


@dataclass(frozen=True, slots=True)
class Telling:
    """What of a question may change its answer: `values` are numbers, and words that are quoted or capitalised."""

    operations: frozenset[str]
    names: frozenset[str]
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Said:
    """What a question says, or a past question together with its SQL."""

    words: frozenset[str]
    operations: frozenset[str]
    names: frozenset[str]
    numbers: frozenset[str]


class _Rarity(dict[str, float]):
    """The inverse document frequency of words; none is rarer than one that no text has."""

    def __init__(self, texts: Sequence[frozenset[str]]) -> None:
        frequency = Counter(word for text in texts for word in text)
        super().__init__({word: math.log((len(texts) + 1) / (count + 0.5)) for word, count in frequency.items()})
        self._unseen = math.log(2 * (len(texts) + 1))

    def __missing__(self, _: str) -> float:
        return self._unseen


def likeness(question: str, pasts: Sequence[Past]) -> list[float]:
    """How like each past query is to a question, from 0 to 1, comparable among these queries only.

    A weighted mean of the nearness in meaning and of what both say: words, operations (what the question asks for,
    beside what the SQL computes), names (words of the question that name something in these queries, beside those the
    SQL reads) and numbers. What they have in common is divided by what either has (Jaccard); a word counts the more,
    the fewer of these queries have it.
    """
    said = [_said(past) for past in pasts]
    asked = _asked(question, frozenset().union(*(one.names for one in said)))
    word_rarity, name_rarity = _Rarity([one.words for one in said]), _Rarity([one.names for one in said])
    return [
        _weighted_mean(
            meaning=past.meaning,
            words=_shared(asked.words, one.words, word_rarity),
            operations=_shared(asked.operations, one.operations),
            names=_shared(asked.names, one.names, name_rarity),
            numbers=_shared(asked.numbers, one.numbers),
        )
        for past, one in zip(pasts, said, strict=True)
    ]


def telling(question: str, vocabulary: frozenset[str]) -> Telling:
    """What a question says that may change its answer; `vocabulary` are the stems of the names of its schema."""
    asked = _asked(question, vocabulary)
    return Telling(asked.operations, asked.names, asked.numbers | _proper(question))


def _proper(question: str) -> frozenset[str]:
    """Words in quotes, and those with a capital that begin no sentence."""
    quoted = (word for text in _QUOTED.findall(question) for word in _WORD.findall(text.lower()))
    return frozenset((*quoted, *(name.lower() for name in _CAPITALISED.findall(question)))) - _NO_NAMES


def _weighted_mean(**terms: float) -> float:
    return sum(_WEIGHTS[term] * value for term, value in terms.items()) / sum(_WEIGHTS.values())


def _asked(question: str, vocabulary: frozenset[str]) -> _Said:
    content = content_words(question)
    return _Said(content, _matching(_ASKED, question), content & vocabulary, _numbers(question))


def _said(past: Past) -> _Said:
    sql = _STRING.sub("''", past.sql)
    names = frozenset(words(sql) - _KEYWORDS)
    return _Said(content_words(past.question), _matching(_COMPUTED, sql), names, _numbers(past.question))


def content_words(question: str) -> frozenset[str]:
    """The stems of the words that say what a question is about."""
    return frozenset(words(question) - _SAY_NOTHING)


def _matching(patterns: Mapping[str, re.Pattern[str]], text: str) -> frozenset[str]:
    return frozenset(operation for operation, pattern in patterns.items() if pattern.search(text))


def _numbers(question: str) -> frozenset[str]:
    digits = _NUMBER.findall(question.replace(",", ""))
    spelled = (_NUMBER_WORDS[word] for word in _WORD.findall(question.lower()) if word in _NUMBER_WORDS)
    return frozenset((*digits, *spelled))


def _shared(first: frozenset[str], second: frozenset[str], weights: Mapping[str, float] | None = None) -> float:
    """The share, weighted if by anything, of what either has that both have; 1 when neither has anything."""
    weigh = weights.__getitem__ if weights is not None else _equally
    either = sum(map(weigh, first | second))
    return sum(map(weigh, first & second)) / either if either else 1.0


def _equally(_: str) -> float:
    return 1.0

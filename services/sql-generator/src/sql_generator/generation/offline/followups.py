"""A follow-up put into the question before it, where only one way to do so makes sense."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from sql_generator.generation.model import Turn
from sql_generator.generation.offline.catalogue import Catalogue
from sql_generator.generation.offline.definitions import Definition
from sql_generator.generation.offline.lexicon import MONTHS
from sql_generator.generation.offline.linking import Item, link
from sql_generator.generation.offline.naming import Words
from sql_generator.generation.offline.tokens import name_words, tokenize

_SPAN: Final = (
    r"(?:(?:last|this|previous|past|current)\s+(?:\d+\s+)?(?:day|week|month|quarter|year)s?|today|yesterday"
    rf"|(?:{'|'.join(MONTHS)})(?:\s+\d{{4}})?|q[1-4](?:\s+\d{{4}})?|(?:19|20)\d{{2}})"
)
_TIME: Final = re.compile(rf"\b(?:(?:in|during|since|from|for|before|after)\s+)?{_SPAN}\b", re.IGNORECASE)
_GROUPING: Final = re.compile(
    r"^(?:by|per|(?:for\s+)?each|grouped\s+by|broken\s+down\s+by|split\s+by)\s+(.+)", re.IGNORECASE
)
_GROUPED: Final = re.compile(r"\b(?:by|per|for\s+each|grouped\s+by)\s+", re.IGNORECASE)
_ORDERING: Final = re.compile(r"^(?:sort(?:ed)?|order(?:ed)?)(?:\s+(?:it|them))?\s+by\s+(.+)", re.IGNORECASE)
_ORDERED: Final = re.compile(r"\s+(?:sorted|ordered)\s+by\s.*$", re.IGNORECASE)
_LIMIT: Final = re.compile(
    r"^(?:the\s+)?(?:top\s+|first\s+)?(\d+)(?:\s+(?:ones|rows|results|of\s+them))?$", re.IGNORECASE
)
_LIMITED: Final = re.compile(r"\b(top|first)\s+\d+\b", re.IGNORECASE)
_END: Final = " \t\n?!.,;"


def question_before(turns: Sequence[Turn]) -> str | None:
    """The last question of the conversation that was answered with SQL."""
    return next((turn.content.strip(_END) for turn in reversed(turns) if turn.sql is not None), None)


def in_full(before: str, added: str, catalogue: Catalogue, terms: Mapping[Words, Definition]) -> Iterator[str]:
    """What the follow-up may ask in full, best first; whether it makes sense is for the grammar to say."""
    if (match := _GROUPING.match(added)) is not None:
        joiner = "and" if _GROUPED.search(before) else "per"
        yield f"{before} {joiner} {match[1]}"
    elif (match := _ORDERING.match(added)) is not None:
        yield f"{_ORDERED.sub('', before)} ordered by {match[1]}"
    elif (match := _LIMIT.match(added)) is not None:
        if _LIMITED.search(before):
            yield _LIMITED.sub(rf"\g<1> {match[1]}", before)
    elif _TIME.fullmatch(added):
        yield _TIME.sub(added, before) if _TIME.search(before) else f"{before} {added}"
    else:
        yield from _filtered(before, link(tokenize(added), catalogue, terms), link(tokenize(before), catalogue, terms))


def _filtered(before: str, added: Sequence[Item], said: Sequence[Item]) -> Iterator[str]:
    """With one value more, or another one of the same column."""
    values = [item for item in added if item.values]
    if len(values) != 1 or any(not (item.light or item is values[0] or item.word in {"for", "one"}) for item in added):
        return
    (value,) = values
    columns = {(candidate.table, candidate.column) for candidate in value.values}
    for item in said:
        if columns & {(candidate.table, candidate.column) for candidate in item.values}:
            yield re.sub(rf"(?<!\w){re.escape(item.text)}(?!\w)", value.text, before, count=1)
            return
    if len(columns) == 1:
        ((_, column),) = columns
        yield f"{before} where {' '.join(name_words(column or ''))} is {value.text}"

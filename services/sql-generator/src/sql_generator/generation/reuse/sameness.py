"""Whether two questions ask for the same: everything that can change a result, and nothing else, is compared.

To an embedding "top 5" and "top 10", "highest" and "lowest", "per month" and "per year" are nearly the same.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from sql_generator.generation.offline.lexicon import (
    ARTICLES,
    LIGHT_WORDS,
    MEMBER_NOUNS,
    MONTHS,
    SYNONYMS,
    TIME_UNITS,
    VAGUE_NOUNS,
    listed,
)
from sql_generator.generation.offline.linking import Item
from sql_generator.generation.offline.naming import Words
from sql_generator.generation.offline.tokens import stem
from sql_generator.generation.reuse.literals import slot_of

_OPENING = frozenset(
    listed(
        """
        please can could would you i we want like need to see know show me us list display give get find tell return
        what is are was were the all a an of
        """
    )
)
_TELLING = frozenset(
    listed(
        """
        count much aggregate superlative frequency sold compare or-more between negation contains starts ends missing
        known star distinct both either times
        """
    )
)
_TIME_WORDS = frozenset(listed("last this past previous current since before after until today yesterday"))
_ADDS_NOTHING = LIGHT_WORDS | VAGUE_NOUNS | MEMBER_NOUNS | _TIME_WORDS | {"term", "check"}
_MEASURING = frozenset({"count", "much", "aggregate"})
_SAID_ONCE_OR_TWICE = (("order", "asc"), ("order", "desc"), ("group", ""), ("count", ""))

Operation = tuple[str, ...]


def without_opening(words: Words) -> Words:
    """The words after "please show me", "what are the" and the like."""
    start = 0
    while start < len(words) and words[start] in _OPENING:
        start += 1
    return words[start:]


def wording(items: Sequence[Item]) -> Words:
    """The words of a question in the singular, numbers in digits, without punctuation, articles and opening."""
    tokens = [token for item in items for token in item.tokens if not token.punctuates and token.lower not in ARTICLES]
    return without_opening(tuple(token.value.lower() if token.value else token.lemma for token in tokens))


def ask_the_same(mine: Sequence[Item], theirs: Sequence[Item], used: set[str]) -> bool:
    """Whether two questions ask for the same; `used` are the tables and columns of the SQL that answered `theirs`."""
    if _operations(mine) != _operations(theirs) or _literals(mine) != _literals(theirs):
        return False
    if _unknown(mine) != _unknown(theirs):
        return False
    my_names, their_names = _naming(mine), _naming(theirs)
    counting = any(item.operator("count") is not None for item in mine)
    if counting and my_names and their_names and not _share(my_names[0], their_names[0]):
        return False
    answered = all(
        _in_use(item, used) or (item.tables and any(_share(item, other) for other in their_names)) for item in my_names
    )
    return answered and all(any(_share(item, other) for other in my_names) for item in their_names if item.columns)


def agree_in_particulars(mine: Sequence[Item], theirs: Sequence[Item]) -> bool:
    """Whether two questions have the same literals, times and words that nobody explained."""
    return all(
        particulars(mine) == particulars(theirs)
        for particulars in (_literals, _unknown, lambda items: {time for item in items for time in _times(item)})
    )


def _operations(items: Sequence[Item]) -> Counter[Operation]:
    """What is computed: aggregates and their direction, comparisons, negation, grouping, order, time."""
    found = Counter(operation for item in items for operation in (*_asked(item), *_times(item)))
    if ("order", "desc") in found:
        del found["order", "asc"]  # "ordered by age descending" says it twice
    if not any(operation[0] in _MEASURING for operation in found):
        del found["group", ""]  # "the name of each customer" groups nothing
    for operation in _SAID_ONCE_OR_TWICE:
        if operation in found:
            found[operation] = 1
    return found


def _asked(item: Item) -> Iterator[Operation]:
    for operator in item.operators[:1]:
        if operator.kind in {"order", "direction"}:
            yield "order", "desc" if operator.argument.startswith("desc") else "asc"
        elif operator.kind == "group":
            yield "group", ""
        elif operator.kind in _TELLING and not (item.columns and operator.kind == "aggregate"):
            kind = "compare" if operator.kind == "or-more" else operator.kind
            yield kind, operator.argument, *operator.columns


def _times(item: Item) -> Iterator[Operation]:
    if item.word in _TIME_WORDS or item.word in MONTHS:
        yield "time", item.word
    unit = TIME_UNITS.get(item.word) or TIME_UNITS.get(item.tokens[0].lemma if len(item.tokens) == 1 else "")
    if unit is not None and not item.named:
        yield "unit", unit


def _literals(items: Sequence[Item]) -> Counter[str]:
    return Counter(slot.key for item in items if (slot := slot_of(item)) is not None)


def _unknown(items: Sequence[Item]) -> set[str]:
    """The stems of words that mean something nobody explained, and of verbs; of synonyms the first by alphabet."""
    return {
        stem(min(token.lemma, *SYNONYMS.get(token.lemma, ("\U0010ffff",))))
        for item in items
        if not (item.named and not item.verb) and not item.operators and item.literal is None and not item.light
        for token in item.tokens
        if token.kind == "word" and not {token.lower, token.lemma} & _ADDS_NOTHING
    }


def _naming(items: Sequence[Item]) -> list[Item]:
    return [item for item in items if (item.tables or item.columns) and not item.verb]


def _in_use(item: Item, names: set[str]) -> bool:
    called = {candidate.column or candidate.table.rpartition(".")[2] for candidate in (*item.tables, *item.columns)}
    return not names.isdisjoint({name.lower() for name in called})


def _share(item: Item, other: Item) -> bool:
    mine = {(candidate.table, candidate.column) for candidate in (*item.tables, *item.columns)}
    return any((candidate.table, candidate.column) in mine for candidate in (*other.tables, *other.columns))

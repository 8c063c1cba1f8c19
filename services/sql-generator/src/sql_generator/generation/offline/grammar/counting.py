"""Rules for counting: "how many orders", "number of different countries", "how much revenue"."""

from sql_generator.generation.offline.catalogue import Candidate
from sql_generator.generation.offline.grammar.enumerations import past
from sql_generator.generation.offline.grammar.reading import Reading
from sql_generator.generation.offline.linking import Item
from sql_generator.generation.offline.plan import Aggregate, Defined, EntityOf, Holds, Known

_SENTENCE_STARTS = frozenset({".", "?", "!", ",", "please", "and", "to", "the", "a"})
_BETWEEN_QUALIFIERS = frozenset({"or", "and", ",", "the"})
_LABELS_OF_THINGS = frozenset({"id", "code", "year", "date", "key", "rank"})


def count(reading: Reading) -> bool:
    """As in "how many orders", "number of different countries"."""
    here = reading.at(reading.position)
    if here is None or here.columns or here.operator("count") is None:
        return False
    if here.word == "count" and reading.position and reading.word_before(reading.position) not in _SENTENCE_STARTS:
        return False
    position = reading.skip_light(reading.position + 1)
    item = reading.at(position)
    distinct = item is not None and item.operator("distinct") is not None
    if distinct:
        position = reading.skip_light(position + 1)
    operand, after = counted(reading, position, distinct=distinct)
    if operand is None:
        return False
    reading.show_measure(operand, after)
    return True


def much(reading: Reading) -> bool:
    """As in "how much revenue", "how much quantity"."""
    here = reading.at(reading.position)
    position = reading.skip_light(reading.position + 1)
    item = reading.at(position)
    if here is None or here.operator("much") is None or item is None:
        return False
    if item.term is not None and item.term.kind == "quantity":
        reading.show_measure(Defined(item.term), position + 1)
        return True
    if item.columns and reading.is_number(item):
        reading.show_measure(Aggregate("SUM", reading.column(item, reading.subject)), position + 1)
        return True
    return False


def counted(reading: Reading, position: int, *, distinct: bool = False) -> tuple[Aggregate | None, int]:
    """What is counted at a position and where it ends, with conditions before its noun ("female students") read.

    Numbers are summed ("number of points"), values of other columns counted once each ("number of countries").
    """
    start = position
    while (noun := reading.at(position)) is not None and _qualifies(noun) and not (noun.tables or noun.columns):
        position = past(reading, position + 1, _BETWEEN_QUALIFIERS)
    if noun is None or noun.verb or not (noun.tables or noun.columns):
        return _counted_by_definition(reading, start, position)
    if noun.columns and not distinct and is_amount(reading, noun):
        operand = Aggregate("SUM", reading.column(noun, reading.subject))
    elif noun.tables and not (noun.columns and distinct and noun.columns[0].score > noun.tables[0].score):
        reading.subject = reading.table(noun)
        operand = Aggregate("COUNT", EntityOf(reading.subject), distinct)
    else:
        operand = Aggregate("COUNT", reading.column(noun, reading.subject), distinct=True)
    _qualify(reading, start, position)
    return operand, position + 1


def is_amount(reading: Reading, noun: Item) -> bool:
    """Whether it names a column of numbers ("number of points") rather than things to count."""
    if not noun.columns or (noun.tables and noun.tables[0].score >= noun.columns[0].score):
        return False
    if _LABELS_OF_THINGS & {token.lemma for token in noun.tokens} or not reading.is_number(noun):
        return False
    best = noun.columns[0]
    return best.column not in reading.catalogue.key_of(best.table)


def _counted_by_definition(reading: Reading, start: int, end: int) -> tuple[Aggregate | None, int]:
    """As in "how many big customers", where "big customer" is one defined term."""
    heads = [position for position in range(start, end) if not reading.items[position].light]
    term = reading.items[heads[-1]].term if heads else None
    if term is None or term.kind != "condition":
        return None, start
    reading.subject = reading.plan.refer(reading.items[heads[-1]].text, (Candidate(term.table),))
    _qualify(reading, start, heads[-1] + 1)
    return Aggregate("COUNT", EntityOf(reading.subject)), heads[-1] + 1


def _qualifies(item: Item) -> bool:
    return bool(item.values) or (item.term is not None and item.term.kind == "condition")


def _qualify(reading: Reading, start: int, end: int) -> None:
    """Adds the conditions that stand before a counted noun."""
    for position in range(start, end):
        item = reading.items[position]
        if item.term is not None and item.term.kind == "condition":
            reading.require(Holds(item.term, reading.take_negation()))
        elif item.values:
            phrase = reading.plan.refer(item.text, item.values, reading.subject)
            reading.require(Known(phrase, reading.take_negation()))
        elif item.word in {"or", "and"} and position > start:
            reading.alternative = True

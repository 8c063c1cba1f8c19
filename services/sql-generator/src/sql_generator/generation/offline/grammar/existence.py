"""Rules for what there is and what there is not: "without orders", "who never ordered", "with any returns"."""

from sql_generator.generation.offline.grammar.reading import Reading
from sql_generator.generation.offline.linking import Item
from sql_generator.generation.offline.plan import Exists

OWNS = frozenset({"with", "has", "have", "having", "had", "without", "no", "any"})
_SURE = 0.95


def negation(reading: Reading) -> bool:
    """As in "without orders", "who never ordered", "do not have any email": denies what follows."""
    item = reading.at(reading.position)
    if item is None or not item.operator("negation") or reading.negated:
        return False
    reading.asking = False
    reading.negated = True
    reading.position += 1
    return True


def existing(reading: Reading) -> bool:
    """As in "with any orders", "that have returns"."""
    item = reading.at(reading.position)
    if item is None or not item.tables or reading.asking or item.verb or item.term is not None:
        return False
    if item.columns and item.columns[0].score > item.tables[0].score:
        return False
    if reading.word_before(reading.position) not in OWNS:
        return False
    reading.subject = reading.table(item)
    reading.require(Exists(reading.subject, reading.take_negation()))
    reading.position += 1
    return True


def act(reading: Reading) -> bool:
    """As in "who never ordered", "items that were returned": a verb that speaks of the rows of a table."""
    item = reading.at(reading.position)
    if item is None or not item.acts or not item.tokens[0].lower.endswith(("ed", "ing")):
        return False
    if any(column.score >= _SURE and reading.catalogue.type_of(column) != "date" for column in item.columns):
        return False
    is_noun = not item.verb and item.tables and item.tables[0].score >= _SURE
    if is_noun or not (reading.plan.shown or reading.negated):
        return False
    reading.asking = False
    reading.subject = reading.table(Item(item.tokens, tables=item.acts))
    if reading.negated or not reading.alternative:
        reading.require(Exists(reading.subject, reading.take_negation(), by_verb=True))
    reading.position += 1
    return True

"""Rules for bounds on numbers: "more than 10 orders", "older than 20", "above the average price"."""

from sql_generator.generation.offline.grammar.counting import counted
from sql_generator.generation.offline.grammar.enumerations import past
from sql_generator.generation.offline.grammar.reading import Reading
from sql_generator.generation.offline.linking import Item
from sql_generator.generation.offline.operators import OPPOSITE, Operator
from sql_generator.generation.offline.plan import Aggregate, Between, ColumnOf, Comparison, Defined, Operand

BEFORE_NUMBER = frozenset({"the", "a", "an", "$", "€", "£"})
_AFTER_NUMBER = frozenset({"years", "year", "old", "dollars", "euros", "cm", "kg", "age"})
_BEFORE_BOUND = frozenset({"is", "are", "was", "were", "of", "that"})
_BOUNDED = ("age", "price", "amount")


def comparison(reading: Reading) -> bool:
    """As in "more than 10 orders", "with over 2 credits", "older than 20", "revenue above 1000"."""
    item = reading.at(reading.position)
    operator = item.operator("compare") if item is not None else None
    if item is None or operator is None or item.columns:
        return False
    sign = OPPOSITE[operator.argument] if reading.negated else operator.argument
    position = past(reading, reading.position + 1, BEFORE_NUMBER)
    target = reading.at(position)
    if target is not None and sign == "<>" and target.values:
        reading.negated = True
        reading.position = position
        return True
    return target is not None and _compared_with(reading, operator, sign, target, position)


def _compared_with(reading: Reading, operator: Operator, sign: str, target: Item, position: int) -> bool:
    if operator.columns:
        return _implied(reading, operator, sign, position)
    if target.averages:
        return _than_average(reading, sign, position)
    return target.number is not None and _bounded(reading, sign, target.number, position + 1)


def span(reading: Reading) -> bool:
    """As in "products between 10 and 20"."""
    item = reading.at(reading.position)
    if item is None or not item.operator("between") or item.columns:
        return False
    low, high = reading.at(reading.position + 1), reading.at(reading.position + 3)
    if low is None or high is None or low.number is None or high.number is None:
        return False
    column = _bare_bound(reading)
    if column is None:
        return False
    reading.require(Between(column, low.number, high.number, is_number=True))
    reading.position += 4
    return True


def quantity(reading: Reading) -> bool:
    """As in "3 beds", "1 credit", "10 or more orders"."""
    item, following = reading.at(reading.position), reading.at(reading.position + 1)
    if item is None or item.number is None:
        return False
    operator = following.operator("or-more") if following is not None else None
    if operator is not None:
        return _bounded(reading, operator.argument, item.number, reading.position + 2)
    noun = reading.at(reading.skip_light(reading.position + 1))
    if (reading.asking and not reading.plan.shown) or noun is None or not _is_number(reading, noun):
        return False
    return _bounded(reading, "=", item.number, reading.position + 1)


def _implied(reading: Reading, operator: Operator, sign: str, position: int) -> bool:
    """As in "older than 20", "cheaper than average"."""
    target = reading.at(position)
    if target is None or (target.number is None and not target.averages):
        return False
    column = reading.implied(operator, reading.subject)
    if column is None:
        return False
    reading.compare(Comparison(column, sign, target.number, is_number=True), past(reading, position + 1, _AFTER_NUMBER))
    return True


def _than_average(reading: Reading, sign: str, position: int) -> bool:
    """As in "above the average price"."""
    position = reading.skip_light(position + 1)
    noun = reading.at(position)
    if noun is None or not noun.columns or not reading.is_number(noun):
        return False
    reading.compare(Comparison(reading.column(noun, reading.subject), sign, None), position + 1)
    return True


def _bounded(reading: Reading, sign: str, number: str, position: int) -> bool:
    """A bound on a column ("2 credits"), on a number of rows ("10 orders"), or on a measure that stands before it."""
    position = reading.skip_light(position)
    noun = reading.at(position)
    operand: Operand | None = None
    after = position + 1
    if noun is not None and noun.operator("distinct"):
        return False
    if noun is not None and _is_number(reading, noun):
        operand = reading.column(noun, reading.subject)
    elif (operand := _measure_before(reading)) is not None:
        after = _after_number(reading)
    elif noun is not None:
        subject = reading.subject
        operand, after = counted(reading, position)
        reading.subject = reading.subject if subject is None else subject
    if operand is None:
        operand, after = _bare_bound(reading), _after_number(reading)
    if operand is None or (isinstance(operand, Aggregate) and operand.distinct and isinstance(operand.of, ColumnOf)):
        return False
    reading.compare(Comparison(operand, sign, number, is_number=True), after)
    return True


def _is_number(reading: Reading, noun: Item) -> bool:
    if not noun.columns or noun.verb or not reading.is_number(noun):
        return False
    if reading.catalogue.referenced(noun.columns[0]) is not None:
        return False
    return not noun.tables or noun.columns[0].score > noun.tables[0].score


def _bare_bound(reading: Reading) -> ColumnOf | None:
    """As in "students under 20", "products over 300": a bare bound is one on the age, or on the one price there is."""
    if reading.subject is None or reading.plan.aggregates:
        return None
    tables = {candidate.table for candidate in reading.plan.references[reading.subject].candidates}
    for word in _BOUNDED:
        columns = tuple(
            candidate
            for candidate in reading.catalogue.names((word,))
            if candidate.table in tables and candidate.column and reading.catalogue.type_of(candidate) == "number"
        )
        if len(columns) == 1:
            reading.assumptions.append(f"took the bound for one on the {columns[0].column}")
            return ColumnOf(reading.plan.refer(word, columns, reading.subject))
    return None


def _after_number(reading: Reading) -> int:
    position = reading.position
    while (item := reading.at(position)) is not None and item.number is None:
        position += 1
    return position + 1


def _measure_before(reading: Reading) -> Operand | None:
    """As in "revenue above 1000", "the number of orders is over 10": the bound is on what was named last."""
    position = reading.position - 1
    while (item := reading.at(position)) is not None and item.word in _BEFORE_BOUND:
        position -= 1
    shown = reading.plan.shown
    if item is None or not shown or not isinstance(shown[-1], Aggregate | Defined):
        return None
    right_before = position == reading.position - 1
    if item.tables and not item.columns and right_before:
        return None
    if not (item.term or item.columns or item.tables):
        return None
    return shown.pop() if not reading.asking or len(shown) > 1 else shown[-1]

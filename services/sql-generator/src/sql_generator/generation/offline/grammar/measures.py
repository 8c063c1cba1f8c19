"""Rules for aggregates: "average price", "minimum, average and maximum age", "total revenue"."""

from sql_generator.generation.offline.grammar.counting import count, counted, is_amount
from sql_generator.generation.offline.grammar.enumerations import JOINERS, next_member
from sql_generator.generation.offline.grammar.reading import Reading
from sql_generator.generation.offline.linking import Item
from sql_generator.generation.offline.operators import Operator
from sql_generator.generation.offline.plan import Aggregate, AggregateFunction, ColumnOf, Defined, EntityOf

_FUNCTIONS: dict[str, AggregateFunction] = {"SUM": "SUM", "AVG": "AVG", "MAX": "MAX", "MIN": "MIN"}
_SUMMING = frozenset({"SUM", "AVG"})
_HAVING = frozenset({"with", "has", "have", "having", "had", "whose", "that", "who", "which", "where", "made"})
_OF_ROWS = frozenset({"most", "least", "fewest", "best", "worst"})
_MOST_SHARED_FUNCTIONS = 2


def aggregate(reading: Reading) -> bool:
    """As in "average price", "minimum, average and maximum age", "total revenue", "average height and weight"."""
    functions, position = _functions(reading)
    item = reading.at(position)
    if not functions or item is None or item.verb:
        return False
    if functions in (["MAX"], ["MIN"]) and selects(reading, reading.position):
        return False
    if item.operator("count") is not None:
        return _aggregated_number(reading, functions, position)
    if item.term is not None and item.term.kind == "quantity":
        for function in functions:
            reading.show_measure(Defined(item.term, function), position + 1)
        return True
    if item.columns:
        return _fits(reading, functions, item) and _show(reading, functions, position)
    return (
        reading.items[reading.position].word == "total"
        and position == reading.position + 1
        and _total_rows(reading, position)
    )


def selects(reading: Reading, position: int) -> bool:
    """Whether a superlative here picks a row ("the product with the highest price") instead of being shown."""
    before = position - 1
    while (item := reading.at(before)) is not None and item.word in {"the", "a"}:
        before -= 1
    word = reading.word_before(before + 1)
    if word in _HAVING:
        return True
    shows_rows = any(isinstance(operand, ColumnOf | EntityOf) for operand in reading.plan.shown)
    return shows_rows and word not in JOINERS | {"is"}


def _aggregated_number(reading: Reading, functions: list[AggregateFunction], position: int) -> bool:
    """As in "total number of orders", "average number of points"."""
    if functions == ["SUM"]:
        reading.position = position
        return count(reading)
    position = reading.skip_light(position + 1)
    noun = reading.at(position)
    return noun is not None and is_amount(reading, noun) and _show(reading, functions, position)


def _total_rows(reading: Reading, position: int) -> bool:
    """As in "total customers"."""
    item = reading.at(position)
    if item is None or not item.tables:
        return False
    operand, after = counted(reading, position)
    if operand is not None:
        reading.show_measure(operand, after)
    return operand is not None


def _fits(reading: Reading, functions: list[AggregateFunction], item: Item) -> bool:
    """Whether the column can be aggregated so: only numbers have a sum."""
    if reading.is_number(item) or _SUMMING.isdisjoint(functions):
        return True
    return not reading.is_date(item) and reading.holds_numbers(item)


def _show(reading: Reading, functions: list[AggregateFunction], position: int) -> bool:
    """Shows the aggregates of the column here, and of those that follow in a list ("average height and weight")."""
    columns = [position]
    following = next_member(reading, position + 1)
    while len(functions) <= _MOST_SHARED_FUNCTIONS and following is not None:
        item = reading.at(following)
        if item is None or not item.columns or item.tables or item.operators or not reading.is_number(item):
            break
        columns.append(following)
        following = next_member(reading, following + 1)
    for column in columns:
        target = reading.column(reading.items[column], reading.subject)
        for function in functions:
            reading.show_measure(Aggregate(function, target), columns[-1] + 1)
    return True


def _functions(reading: Reading) -> tuple[list[AggregateFunction], int]:
    """The aggregate functions that stand here in a row, and where what they apply to starts."""
    functions: list[AggregateFunction] = []
    position = reading.position
    while (item := reading.at(position)) is not None:
        function = _function(reading, item, position, first=not functions)
        if function is None:
            break
        functions.append(function)
        position += 1
        following = next_member(reading, position)
        beyond = reading.at(following) if following is not None else None
        if following is not None and beyond is not None and _function(reading, beyond, following, first=False):
            position = following
    return functions, reading.skip_light(position)


def _function(reading: Reading, item: Item, position: int, *, first: bool) -> AggregateFunction | None:
    operator = item.operator("aggregate")
    if operator is not None:
        names_itself = item.columns and not _noun_follows(reading, position + 1)
        return None if names_itself else _FUNCTIONS[operator.argument]
    superlative = item.operator("superlative")
    if superlative is None or item.word in _OF_ROWS or "number" in item.word:
        return None
    if not reading.asking or reading.top is not None or selects(reading, position):
        return None
    if any(isinstance(operand, EntityOf) for operand in reading.plan.shown):
        return None
    if first and not (_on_column(reading, superlative, position) or _chained(reading, position)):
        return None
    return "MAX" if superlative.argument == "desc" else "MIN"


def _on_column(reading: Reading, superlative: Operator, position: int) -> bool:
    """As in "the highest price", "the oldest age": the column that is aggregated follows."""
    target = reading.at(reading.skip_light(position + 1))
    if target is None or not target.columns:
        return False
    if not superlative.columns:
        return not target.tables
    implied = {found.column for word in superlative.columns for found in reading.catalogue.names((word,))}
    return target.columns[0].column in implied


def _chained(reading: Reading, position: int) -> bool:
    """As in "oldest and average age"."""
    following = next_member(reading, position + 1)
    beyond = reading.at(following) if following is not None else None
    return beyond is not None and bool(beyond.operator("aggregate") or beyond.operator("superlative"))


def _noun_follows(reading: Reading, position: int) -> bool:
    item = reading.at(reading.skip_light(position))
    return item is not None and bool(item.columns or item.tables or item.term or item.operator("count"))

"""Rules for order: "sorted by age descending", "in alphabetical order"."""

from sql_generator.generation.offline.grammar.counting import counted
from sql_generator.generation.offline.grammar.enumerations import next_member, past, past_determiners
from sql_generator.generation.offline.grammar.reading import Reading
from sql_generator.generation.offline.linking import Item
from sql_generator.generation.offline.plan import Aggregate, AggregateFunction, Defined, Operand

_FILLERS = frozenset({"in", "of", "the", "a", "an", "results", "result", "them", "it", "order", "list", "their", "to"})
_BEFORE_DIRECTION = frozenset({",", "in", "order", "and"})
_FUNCTIONS: dict[str, AggregateFunction] = {"SUM": "SUM", "AVG": "AVG", "MAX": "MAX", "MIN": "MIN"}


def order(reading: Reading) -> bool:
    """As in "sorted by age descending", "in alphabetical order", "sort the result in descending order of price"."""
    item = reading.at(reading.position)
    if item is None or item.columns or item.tables or not (item.operator("order") or item.operator("sorting")):
        return False
    position, direction, certain = _order_words(reading)
    if not certain:
        return False
    keys, position = _order_keys(reading, position)
    position, direction = _trailing_direction(reading, position, direction)
    shown = reading.plan.shown
    if not keys:
        if not shown or not direction or isinstance(shown[0], Aggregate):
            return False
        keys = [shown[0]]
    for key in keys:
        reading.order_by(key, descending=direction.startswith("desc"))
    reading.position = position
    return True


def order_key(reading: Reading, position: int) -> tuple[Operand | None, int]:
    """What stands here to sort by, and where it ends."""
    item = reading.at(position)
    if item is None:
        return None, position
    if item.operator("count") and not item.columns:
        return counted(reading, reading.skip_light(position + 1))
    if item.operator("aggregate") and not item.columns:
        return _aggregate_key(reading, item, reading.skip_light(position + 1))
    if item.term is not None and item.term.kind == "quantity":
        return Defined(item.term), position + 1
    if item.columns and not item.verb:
        return reading.column(item, reading.subject), position + 1
    return None, position


def _aggregate_key(reading: Reading, item: Item, position: int) -> tuple[Operand | None, int]:
    operator, noun = item.operator("aggregate"), reading.at(position)
    if operator is None or noun is None or not noun.columns:
        return None, position
    return Aggregate(_FUNCTIONS[operator.argument], reading.column(noun, reading.subject)), position + 1


def _order_keys(reading: Reading, position: int) -> tuple[list[Operand], int]:
    keys: list[Operand] = []
    following: int | None = position
    while following is not None:
        key, after = order_key(reading, past_determiners(reading, following))
        if key is None:
            break
        keys.append(key)
        position = after
        following = next_member(reading, position)
    return keys, position


def _order_words(reading: Reading) -> tuple[int, str, bool]:
    """Past all that says "sorted" and which way; and whether it cannot mean anything else ("ordered" alone can)."""
    position, direction, certain = reading.position, "", False
    while (item := reading.at(position)) is not None and not item.columns and not item.tables:
        found = item.operator("order") or item.operator("direction")
        if found is not None:
            direction = found.argument or direction
        elif not (item.operator("by") or item.operator("sorting") or item.word in _FILLERS):
            break
        certain = certain or found is not None or bool(item.operator("by")) or item.word in {"sorted", "arranged"}
        position += 1
    return position, direction, certain


def _trailing_direction(reading: Reading, position: int, direction: str) -> tuple[int, str]:
    at = past(reading, position, _BEFORE_DIRECTION)
    item = reading.at(at)
    found = (item.operator("direction") or item.operator("order")) if item is not None else None
    if found is None or not found.argument:
        return position, direction
    return past(reading, at + 1, frozenset({"order"})), found.argument

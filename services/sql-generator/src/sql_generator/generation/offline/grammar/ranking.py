"""Rules for the first few: "top 5", "with the most orders", "the oldest", "most common"."""

from sql_generator.generation.offline.grammar.counting import counted
from sql_generator.generation.offline.grammar.enumerations import past, past_determiners
from sql_generator.generation.offline.grammar.measures import selects
from sql_generator.generation.offline.grammar.reading import Reading
from sql_generator.generation.offline.grammar.sorting import order_key
from sql_generator.generation.offline.linking import Item
from sql_generator.generation.offline.operators import Operator
from sql_generator.generation.offline.plan import EVERY_ROW, Aggregate, ColumnOf, EntityOf, Operand


def top(reading: Reading) -> bool:
    """As in "top 5", "the 3 oldest", "the 3 customers with the most orders"."""
    item, following = reading.at(reading.position), reading.at(reading.position + 1)
    if item is None:
        return False
    if item.word in {"top", "bottom"} and not item.columns:
        number = following.whole_number if following is not None else None
        reading.top = number or 1
        reading.top_open = True
        reading.top_descending = item.word == "top"
        reading.position += 1 if number is None else 2
        return True
    if item.whole_number is None or following is None or not (_ranks(following) or _ranked_later(reading, following)):
        return False
    reading.top = item.whole_number
    reading.position += 1
    return True


def top_by(reading: Reading) -> bool:
    """As in "top 5 customers by revenue": what to rank by."""
    item = reading.at(reading.position)
    if item is None or not reading.top_open or item.operator("by") is None:
        return False
    position = past_determiners(reading, reading.position + 1)
    key, after = order_key(reading, position)
    if key is None:
        noun = reading.at(position)
        key, after = counted(reading, position) if noun is not None and noun.tables else (None, position)
    if key is None:
        return False
    reading.rank(key, after, descending=reading.top_descending)
    reading.plan.show_order = True
    return True


def superlative(reading: Reading) -> bool:
    """As in "with the highest price", "the oldest student", "with the most orders"."""
    item = reading.at(reading.position)
    operator = (item.operator("superlative") or _as_superlative(reading, item)) if item is not None else None
    if item is None or item.columns or operator is None:
        return False
    position = reading.skip_light(reading.position + 1)
    number = reading.at(position)
    if number is not None and number.whole_number is not None and reading.top is None:
        reading.top = number.whole_number
        position = reading.skip_light(position + 1)
    key, after = _ranked_by(reading, operator, position)
    if key is None:
        return False
    descending = operator.argument == "desc"
    if reading.items[0].word == "when" and isinstance(key, ColumnOf) and reading.shows_rows_only:
        reading.plan.shown = [Aggregate("MAX" if descending else "MIN", key)]
        reading.position = after
        return True
    reading.rank(key, after, descending=descending)
    reading.asking = reading.asking and not reading.plan.shown
    return True


def frequency(reading: Reading) -> bool:
    """As in "the most common rank", "which type is used most often"."""
    item = reading.at(reading.position)
    operator = item.operator("frequency") if item is not None else None
    if item is None or operator is None or item.columns:
        return False
    after = past(reading, reading.position + 1, frozenset({"the", "a"}))
    noun = reading.at(after)
    shown = reading.plan.shown
    if noun is not None and noun.columns and reading.asking:
        target: Operand = reading.column(noun, reading.subject)
        shown.append(target)
        after += 1
    elif shown and all(isinstance(operand, ColumnOf) for operand in shown):
        target, after = shown[0], reading.position + 1
    else:
        return False
    reading.plan.groups.append(target)
    reading.rank(Aggregate("COUNT", EntityOf(EVERY_ROW)), after, descending=operator.argument == "desc")
    return True


def sold(reading: Reading) -> bool:
    """As in "which product sold most": ranked by the quantity in the table that has one for it."""
    item = reading.at(reading.position)
    operator = item.operator("sold") if item is not None else None
    quantities = tuple(name for name in reading.catalogue.names(("quantity",)) if name.column is not None)
    if operator is None or not quantities:
        return False
    quantity = ColumnOf(reading.plan.refer("quantity", quantities, reading.subject))
    reading.assumptions.append('took "sold" for the sum of the quantity')
    reading.rank(Aggregate("SUM", quantity), reading.position + 1, descending=operator.argument == "desc")
    reading.plan.show_order = reading.top is not None
    return True


def _ranks(item: Item) -> bool:
    return any(item.operator(kind) is not None for kind in ("superlative", "frequency", "sold"))


def _ranked_later(reading: Reading, noun: Item) -> bool:
    """As in "the 3 customers with the most orders": a number before what is asked for."""
    refers = bool(noun.columns) and reading.catalogue.referenced(noun.columns[0]) is not None
    if not reading.asking or reading.plan.aggregates or not (noun.tables or refers) or noun.verb:
        return False
    return any(map(_ranks, reading.items[reading.position + 2 :]))


def _as_superlative(reading: Reading, item: Item) -> Operator | None:
    """As in "the room with the maximum occupancy"."""
    operator = item.operator("aggregate")
    if operator is None or operator.argument not in {"MAX", "MIN"} or not selects(reading, reading.position):
        return None
    return Operator("superlative", "desc" if operator.argument == "MAX" else "asc")


def _ranked_by(reading: Reading, operator: Operator, position: int) -> tuple[Operand | None, int]:
    noun = reading.at(position)
    if operator.columns:
        return _ranked_by_adjective(reading, operator, noun, position)
    if noun is not None and noun.operator("count") and not noun.columns:
        position = reading.skip_light(position + 1)
        noun = reading.at(position)
    if noun is None:
        return None, position
    counts_rows = bool(noun.tables) and not noun.verb and not (noun.columns and _rather_column(reading, noun))
    if counts_rows:
        return (None, position) if _is_the_subject(reading, noun) else counted(reading, position)
    key, after = order_key(reading, position)
    return (None, position) if isinstance(key, ColumnOf) and not _orderable(reading, noun) else (key, after)


def _is_the_subject(reading: Reading, noun: Item) -> bool:
    """Whether the rows ranked are the rows asked for: "the largest city" does not say by what."""
    own = {candidate.table for candidate in noun.tables}
    operands = [*reading.plan.shown, *reading.plan.groups]
    entities = [operand for operand in operands if isinstance(operand, EntityOf)]
    if entities:
        return {candidate.table for candidate in reading.plan.references[entities[0].phrase].candidates} == own
    return not operands


def _ranked_by_adjective(
    reading: Reading, operator: Operator, noun: Item | None, position: int
) -> tuple[Operand | None, int]:
    """As in "the most expensive products", "the most recent year"."""
    if noun is not None and noun.columns and not noun.tables and (reading.is_date(noun) or reading.is_number(noun)):
        return reading.column(noun, reading.subject), position + 1
    if noun is None or not noun.tables or noun.verb:
        return reading.implied(operator, reading.subject), reading.position + 1
    reading.subject = reading.table(noun)
    if reading.asking and not reading.plan.shown:
        reading.plan.shown.append(EntityOf(reading.subject))
    return reading.implied(operator, reading.subject), position + 1


def _rather_column(reading: Reading, noun: Item) -> bool:
    if noun.tables[0].score != noun.columns[0].score:
        return noun.columns[0].score > noun.tables[0].score
    return reading.is_number(noun) and reading.catalogue.referenced(noun.columns[0]) is None


def _orderable(reading: Reading, noun: Item) -> bool:
    return reading.is_number(noun) or reading.is_date(noun) or reading.holds_numbers(noun)

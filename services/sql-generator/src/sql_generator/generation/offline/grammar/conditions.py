"""Rules for conditions on named columns: "whose status is paid", "email contains x", "without a phone"."""

from sql_generator.generation.offline.catalogue import Candidate
from sql_generator.generation.offline.grammar.bounds import BEFORE_NUMBER
from sql_generator.generation.offline.grammar.enumerations import past
from sql_generator.generation.offline.grammar.existence import OWNS
from sql_generator.generation.offline.grammar.reading import Reading
from sql_generator.generation.offline.grammar.values import sexes, shared_values
from sql_generator.generation.offline.lexicon import FALSE_VALUES, TRUE_VALUES, VAGUE_NOUNS, listed
from sql_generator.generation.offline.linking import Item
from sql_generator.generation.offline.operators import OPPOSITE
from sql_generator.generation.offline.plan import (
    Between,
    ColumnOf,
    Comparison,
    Condition,
    Flag,
    Known,
    Missing,
    Pattern,
)

_BEFORE_VALUE = frozenset(
    listed(
        """
        is are was were be of a an the as named called to either equal being than has have both only in at that there
        """
    )
)
_BEFORE_TEXT = frozenset({"the", "a", "an", "word", "letter", "substring", "string", "phrase", "text"})
_LIKE = {"contains": "%{}%", "starts": "{}%", "ends": "%{}"}
_LONGEST_CODE = 2


def conditional_column(reading: Reading) -> bool:
    """As in "whose price is over 100", "status 'paid'", "country is not France", "email contains 'x'"."""
    item = reading.at(reading.position)
    if item is None or not item.columns or item.verb:
        return False
    if item.tables and item.tables[0].score > item.columns[0].score:
        return False
    position = reading.position + 1
    while (noun := reading.at(position)) is not None and noun.word in VAGUE_NOUNS and not noun.named:
        position += 1
    position, negated, linked = _to_value(reading, position)
    target = reading.at(position)
    may_be_condition = not reading.asking or linked or (target is not None and _starts_condition(reading, target, item))
    negated = negated or (reading.negated and not reading.asking)
    after = None
    if target is not None and may_be_condition:
        after = _condition_on(reading, item, target, position, negated=negated)
    if after is None:
        return not reading.asking and _bare_flag(reading, item)
    reading.negated = False
    reading.position = after
    return True


def _to_value(reading: Reading, position: int) -> tuple[int, bool, bool]:
    """Past "is", "is not", "equals": where the value stands, whether it is denied, whether a verb led there."""
    negated = linked = False
    while (item := reading.at(position)) is not None:
        if item.operator("negation") and not item.values:
            negated = True
        elif (operator := item.operator("compare")) is not None and operator.argument in {"=", "<>"}:
            negated = negated or operator.argument == "<>"
            linked = True
        elif item.word in _BEFORE_VALUE or item.operator("either"):
            linked = linked or item.word in {"is", "are", "was", "were", "equal", "named", "called"}
        else:
            break
        position += 1
    return position, negated, linked


def _starts_condition(reading: Reading, target: Item, item: Item) -> bool:
    if target.operator("compare") or any(target.operator(kind) for kind in ("contains", "starts", "ends", "between")):
        return True
    if target.operator("missing") or target.operator("known"):
        return True
    quoted = target.literal is not None and target.number is None
    return bool(quoted or shared_values(target, item)) and bool(reading.plan.shown)


def _condition_on(reading: Reading, item: Item, target: Item, position: int, *, negated: bool) -> int | None:
    """Adds the condition that `target` puts on the column `item`; the position after it, or None."""
    for kind, pattern in _LIKE.items():
        if target.operator(kind) is not None:
            return _like(reading, item, position + 1, pattern, negated=negated)
    if target.operator("between") is not None:
        return _between(reading, item, position + 1)
    if (operator := target.operator("compare")) is not None and not operator.columns:
        sign = OPPOSITE[operator.argument] if negated else operator.argument
        return _compare(reading, item, sign, position + 1)
    if target.operator("missing") or target.operator("known"):
        known = (target.operator("known") is not None) != negated
        reading.require(Missing(reading.column(item, reading.subject), negated=known))
        return position + 1
    return _equal(reading, item, position, negated=negated)


def _like(reading: Reading, item: Item, position: int, pattern: str, *, negated: bool) -> int | None:
    while (word := reading.at(position)) is not None and word.word in _BEFORE_TEXT:
        following = reading.at(position + 1)
        if following is None or following.tokens[0].kind == "mark":
            break
        position += 1
    target = reading.at(position)
    text = (target.literal or target.text) if target is not None else ""
    if not text or target is None or target.tokens[0].kind == "mark" or "%" in text or "_" in text:
        return None
    reading.require(Pattern(reading.column(item, reading.subject), pattern.format(text), negated))
    return position + 1


def _between(reading: Reading, item: Item, position: int) -> int | None:
    low, high = reading.at(position), reading.at(position + 2)
    middle = reading.at(position + 1)
    if low is None or high is None or middle is None or middle.word not in {"and", "to"}:
        return None
    if low.literal is None or high.literal is None:
        return None
    numbers = low.number is not None and high.number is not None
    reading.require(Between(reading.column(item, reading.subject), low.literal, high.literal, numbers))
    return position + 3


def _compare(reading: Reading, item: Item, sign: str, position: int) -> int | None:
    position = past(reading, position, BEFORE_NUMBER | {"value", "of"})
    target = reading.at(position)
    if target is None:
        return None
    if target.averages:
        return _than_average(reading, item, sign, position)
    if target.number is None and target.tokens[0].kind != "date":
        return _equal(reading, item, position, negated=sign == "<>") if sign in {"=", "<>"} else None
    following = reading.at(reading.skip_light(position + 1))
    counts = following is not None and following.tables and not following.verb
    if target.literal is None or (counts and not reading.is_number(item)):
        return None
    column = reading.column(item, reading.subject)
    reading.require(Comparison(column, sign, target.literal, target.number is not None))
    return position + 1


def _than_average(reading: Reading, item: Item, sign: str, position: int) -> int:
    """As in "price above average", "price is over the average price"."""
    reading.require(Comparison(reading.column(item, reading.subject), sign, None))
    beyond = reading.skip_light(position + 1)
    following = reading.at(beyond)
    repeats = following is not None and following.columns and following.columns[0].column == item.columns[0].column
    return beyond + 1 if repeats else position + 1


def _equal(reading: Reading, item: Item, position: int, *, negated: bool) -> int | None:
    """One value of the column, or several after "or"; where they end."""
    after: int | None = None
    while (target := reading.at(position)) is not None:
        condition = _one_value(reading, item, target, negated=negated)
        if condition is None:
            break
        reading.alternative = reading.alternative or after is not None
        reading.require(condition)
        after = position + 1
        joiner = reading.at(after)
        if joiner is None or joiner.word not in {"or", ","}:
            break
        position = past(reading, after + 1, frozenset({"or", "a", "an", "the"}))
    return after


def _one_value(reading: Reading, item: Item, target: Item, *, negated: bool) -> Condition | None:
    known = shared_values(target, item) or sexes(reading, target, item)
    if known:
        return Known(reading.plan.refer(target.text, known, reading.subject), negated)
    literal = target.literal
    if target.named and target.tokens[0].kind != "quoted":
        literal = None
    elif (
        literal is None and target.tokens[0].capitalised and not target.operators and len(target.text) <= _LONGEST_CODE
    ):
        literal = target.text
    dated = all(reading.catalogue.type_of(column) == "date" for column in item.columns)
    if literal is None or (dated and target.tokens[0].kind != "date"):
        return None
    column = reading.column(item, reading.subject)
    return Comparison(column, "<>" if negated else "=", literal, target.number is not None)


def _bare_flag(reading: Reading, item: Item) -> bool:
    """As in "on scholarship", a column of yes and no; "without an email", a column that may be empty."""
    flags = tuple(column for column in item.columns if _is_flag(reading, column))
    if flags:
        reading.require(Flag(ColumnOf(reading.plan.refer(item.text, flags, reading.subject)), not reading.negated))
    elif _denied_possession(reading) and not item.tables:
        reading.require(Missing(reading.column(item, reading.subject), negated=not reading.negated))
    else:
        return False
    reading.negated = False
    reading.position += 1
    return True


def _denied_possession(reading: Reading) -> bool:
    position = reading.position - 1
    while (item := reading.at(position)) is not None and item.word in {"a", "an", "any", "the"}:
        position -= 1
    word = reading.word_before(position + 1)
    return reading.negated and word in OWNS | {"n't", "not", "lacking", "lack"}


def _is_flag(reading: Reading, candidate: Candidate) -> bool:
    """Whether a column holds just yes and no."""
    if reading.catalogue.type_of(candidate) == "boolean":
        return True
    lowered = {sample.lower() for sample in reading.catalogue.samples(candidate)}
    return bool(lowered & TRUE_VALUES) and lowered <= TRUE_VALUES | FALSE_VALUES


def missing(reading: Reading) -> bool:
    """As in "missing emails", "unknown status"."""
    item = reading.at(reading.position)
    if item is None or not item.operator("missing"):
        return False
    noun = reading.at(reading.position + 1)
    if noun is None or not noun.columns:
        return False
    reading.require(Missing(reading.column(noun, reading.subject), negated=reading.take_negation()))
    reading.position += 2
    return True

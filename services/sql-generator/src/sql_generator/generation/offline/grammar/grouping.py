"""Rules for groups: "for each country", "by month", "monthly orders"."""

from sql_generator.generation.offline.grammar.enumerations import next_member, past_determiners
from sql_generator.generation.offline.grammar.reading import Reading
from sql_generator.generation.offline.grammar.times import dates_of_rows
from sql_generator.generation.offline.lexicon import LEAD_VERBS, TIME_UNITS
from sql_generator.generation.offline.linking import Item
from sql_generator.generation.offline.plan import Aggregate, Bucket, Defined, EntityOf, Operand

_SHORTEST_PARTICIPLE = 4


def group(reading: Reading) -> bool:
    """As in "for each country", "per customer and month", "by category"."""
    item = reading.at(reading.position)
    if item is None or item.columns or not (item.operator("group") or _groups_by(reading, item)):
        return False
    first = not reading.plan.shown
    if item.word in {"per", "by"} and reading.shows_rows_only:
        _count_rows(reading)
    keys, after = _keys(reading, past_determiners(reading, reading.position + 1), only_one=first)
    if not keys:
        return False
    reading.plan.groups += keys
    reading.plan.for_each = reading.plan.for_each or item.operator("group") is not None
    if first:
        reading.plan.shown += [key for key in keys if not isinstance(key, EntityOf)]
        if isinstance(keys[0], EntityOf):
            reading.subject = keys[0].phrase
    reading.position = after
    return True


def periodic(reading: Reading) -> bool:
    """As in "monthly orders", "yearly revenue"."""
    item = reading.at(reading.position)
    noun = reading.at(reading.position + 1)
    if item is None or noun is None or item.named or not item.word.endswith("ly") or item.word not in TIME_UNITS:
        return False
    if noun.term is not None and noun.term.kind == "quantity":
        reading.plan.shown.append(Defined(noun.term))
    elif noun.tables and not noun.verb:
        reading.subject = reading.table(noun)
        reading.plan.shown.append(Aggregate("COUNT", EntityOf(reading.subject)))
    else:
        return False
    bucket = _bucket(reading, item.text, TIME_UNITS[item.word])
    if bucket is None:
        return False
    reading.plan.groups.append(bucket)
    reading.position += 2
    return True


def _groups_by(reading: Reading, item: Item) -> bool:
    """Whether "by" groups: not after a participle ("written by"), and only what can be counted or is measured."""
    verb = reading.at(reading.position - 1)
    if not item.operator("by"):
        return False
    if verb is not None and (verb.light or verb.verb) and len(verb.word) >= _SHORTEST_PARTICIPLE:
        return False
    if reading.shows_rows_only and reading.word_before(1) not in LEAD_VERBS:
        return True
    return any(isinstance(operand, Aggregate | Defined) for operand in reading.plan.shown)


def _count_rows(reading: Reading) -> None:
    """As in "orders per month": they are counted."""
    entity = reading.plan.shown[0]
    if isinstance(entity, EntityOf):
        reading.plan.shown[0] = Aggregate("COUNT", entity)


def _keys(reading: Reading, position: int, *, only_one: bool) -> tuple[list[Operand], int]:
    keys: list[Operand] = []
    while (noun := reading.at(position)) is not None and (key := _key(reading, noun)) is not None:
        keys.append(key)
        position += 1
        following = next_member(reading, position)
        beyond = reading.at(following) if following is not None else None
        if only_one or following is None or beyond is None or beyond.operators:
            break
        if not (beyond.columns or beyond.tables or beyond.word in TIME_UNITS):
            break
        position = following
    return keys, position


def _key(reading: Reading, noun: Item) -> Operand | None:
    unit = TIME_UNITS.get(noun.tokens[0].lemma) if len(noun.tokens) == 1 and not noun.columns else None
    if unit is not None:
        return _bucket(reading, noun.text, unit)
    if noun.verb or not (noun.tables or noun.columns):
        return None
    if not noun.tables:
        return reading.column(noun, reading.subject)
    best_column = noun.columns[0].score if noun.columns else 0.0
    if noun.tables[0].score > best_column:
        return EntityOf(reading.table(noun))
    own_column = _measured_tables(reading) & {candidate.table for candidate in noun.columns}
    if noun.tables[0].score == best_column and not own_column:
        return EntityOf(reading.table(noun))
    return reading.column(noun, reading.subject)


def _bucket(reading: Reading, text: str, unit: str) -> Bucket | None:
    column = dates_of_rows(reading, text)
    return Bucket(unit, column) if column is not None else None


def _measured_tables(reading: Reading) -> set[str]:
    return {
        candidate.table
        for operand in reading.plan.shown
        if isinstance(operand, Aggregate)
        for candidate in reading.plan.references[operand.of.phrase].candidates
    }

"""Rules for conditions that name a value only: "in Spain", "paid orders", "customer 5", "named 'X'"."""

from sql_generator.generation.offline.catalogue import Candidate
from sql_generator.generation.offline.grammar.reading import Reading
from sql_generator.generation.offline.lexicon import PLACE_COLUMNS, SEXES
from sql_generator.generation.offline.linking import Item
from sql_generator.generation.offline.plan import ColumnOf, Comparison, Known

_PLACE_PREPOSITIONS = frozenset({"in", "from", "at"})


def shared_values(target: Item, item: Item) -> tuple[Candidate, ...]:
    """The values that `target` may name, of the columns that `item` may name."""
    columns = {(candidate.table, candidate.column): candidate.score for candidate in item.columns}
    return tuple(
        Candidate(value.table, value.column, value.value, columns[value.table, value.column])
        for value in target.values
        if (value.table, value.column) in columns
    )


def value(reading: Reading) -> bool:
    """As in "in Spain", "enterprise customers", "paid orders", "female students"."""
    item = reading.at(reading.position)
    if item is None:
        return False
    known = item.values or sexes(reading, item, None)
    if not known or (item.tables and not item.literal):
        return False
    if item.columns and item.tokens[0].kind != "quoted" and reading.asking:
        return False
    following = reading.at(reading.position + 1)
    after = reading.position + 1
    if following is not None and _names_column(following) and (shared := shared_values(item, following)):
        known, after = shared, after + 1
    negated = reading.take_negation()
    reading.require(Known(reading.plan.refer(item.text, known, reading.subject), negated))
    if negated and following is not None and {name.table for name in following.tables} & {name.table for name in known}:
        reading.subject = reading.table(following)  # "no cancelled orders" does not say that there are others
        after += 1
    both = reading.word_before(reading.position) == "both"
    _enumeration(reading, item, negated=negated, both=both, at=after)
    return True


def both(reading: Reading) -> bool:
    """As in "both red and blue", "either red or blue": said of the values that follow."""
    item, following = reading.at(reading.position), reading.at(reading.position + 1)
    if item is None or following is None or not (item.operator("both") or item.operator("either")):
        return False
    if not following.values:
        return False
    reading.position += 1
    return True


def _names_column(item: Item) -> bool:
    return bool(item.columns) and not (item.tables and item.tables[0].score >= item.columns[0].score)


def _enumeration(reading: Reading, item: Item, *, negated: bool, both: bool, at: int) -> None:
    """As in "Spain, France or Italy": further values of the same columns."""
    reading.position = at
    while (joiner := reading.at(reading.position)) is not None and joiner.word in {",", "or", "and"}:
        position = reading.position + 1
        while (target := reading.at(position)) is not None and target.word in {"or", "and", "in", "the", "from"}:
            position += 1
        target = reading.at(position)
        columns = {(value.table, value.column) for value in item.values}
        shared = tuple(v for v in (target.values if target else ()) if (v.table, v.column) in columns)
        if target is None or not shared or target.tables:
            return
        reading.alternative = not negated and not both
        joint = joiner.word == "and" and not negated
        reading.require(Known(reading.plan.refer(target.text, shared, reading.subject), negated, joint))
        reading.position = position + 1


def sexes(reading: Reading, item: Item, of: Item | None) -> tuple[Candidate, ...]:
    """The value by which a column of sexes says "female" or "male"."""
    letter = SEXES.get(item.tokens[-1].lemma) if len(item.tokens) == 1 else None
    if letter is None:
        return ()
    columns = of.columns if of is not None else reading.catalogue.names(("sex",))
    spelled = {"f", "female", "woman"} if letter == "f" else {"m", "male", "man"}
    return tuple(
        Candidate(candidate.table, candidate.column, sample, candidate.score)
        for candidate in columns
        if candidate.column is not None
        for sample in reading.catalogue.samples(candidate)
        if sample.lower() in spelled
    )


def named(reading: Reading) -> bool:
    """As in "the customer named 'X'", "customer 'X'", "in Narnia" where only one column is a place."""
    item = reading.at(reading.position)
    if item is None or item.literal is None or item.tokens[0].kind != "quoted" or item.values:
        return False
    following = reading.at(reading.position + 1)
    if following is not None and following.columns and not following.tables:
        reading.require(Comparison(reading.column(following, reading.subject), _sign(reading), item.literal))
        reading.position += 2
        return True
    if _first_and_last(reading, item.literal):
        reading.position += 1
        return True
    columns = _naming_columns(reading)
    if columns:
        phrase = reading.plan.refer("name", columns, reading.subject)
    elif reading.word_before(reading.position) in _PLACE_PREPOSITIONS and (places := _places(reading)):
        phrase = reading.plan.refer("place", places, reading.subject)
        reading.assumptions.append(f"took {item.text!r} for a {places[0].column}")
    else:
        return False
    reading.require(Comparison(ColumnOf(phrase), _sign(reading), item.literal))
    reading.position += 1
    return True


def _first_and_last(reading: Reading, literal: str) -> bool:
    """As in "student Jane Doe" where first and last names are columns of their own."""
    parts = literal.split()
    noun = _table_before(reading)
    if len(parts) != 2 or noun is None:
        return False
    table = noun.tables[0].table
    columns = reading.catalogue.display_columns(table)
    if len(columns) != 2 or set(columns) == set(reading.catalogue.key_of(table)):
        return False
    for column, part in zip(columns, parts, strict=True):
        phrase = reading.plan.refer(column, (Candidate(table, column),), reading.subject)
        reading.require(Comparison(ColumnOf(phrase), "=", part))
    return True


def _table_before(reading: Reading) -> Item | None:
    position = reading.position - 1
    while (item := reading.at(position)) is not None and item.word in {"named", "called", "is", "with", "the", "name"}:
        position -= 1
    item = reading.at(position)
    return item if item is not None and item.tables else None


def _sign(reading: Reading) -> str:
    return "<>" if reading.take_negation() else "="


def _naming_columns(reading: Reading) -> tuple[Candidate, ...]:
    """The names of the table that stands before: "the customer named", "product"."""
    item = _table_before(reading)
    found = []
    for candidate in item.tables if item is not None else ():
        columns = reading.catalogue.display_columns(candidate.table)
        if len(columns) == 1 and reading.catalogue.type_of(Candidate(candidate.table, columns[0])) == "text":
            found.append(Candidate(candidate.table, columns[0], None, candidate.score))
    return tuple(found)


def _places(reading: Reading) -> tuple[Candidate, ...]:
    if reading.subject is None:
        return ()
    tables = {candidate.table for candidate in reading.plan.references[reading.subject].candidates}
    found = {
        (candidate.table, candidate.column): candidate
        for word in PLACE_COLUMNS
        for candidate in reading.catalogue.names((word,))
        if candidate.column is not None and candidate.table in tables
    }
    return tuple(found.values()) if len(found) == 1 else ()


def numbered(reading: Reading) -> bool:
    """As in "order 5", "customer number 12": the row with that key."""
    item = reading.at(reading.position)
    if item is None or item.number is None:
        return False
    position = reading.position - 1
    while (before := reading.at(position)) is not None and before.word in {"number", "no", "#"}:
        position -= 1
    before = reading.at(position)
    if before is None or not before.tables or before.tokens[-1].lower != before.tokens[-1].lemma:
        return False
    table = before.tables[0].table
    key = reading.catalogue.key_of(table)
    if len(key) != 1 or reading.catalogue.type_of(Candidate(table, key[0])) != "number":
        return False
    phrase = reading.plan.refer(f"{before.text} {item.text}", (Candidate(table, key[0]),))
    reading.require(Comparison(ColumnOf(phrase), _sign(reading), item.number, is_number=True))
    reading.position += 1
    return True

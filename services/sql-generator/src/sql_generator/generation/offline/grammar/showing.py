"""Rules for what else a question wants to see: rows, columns, everything."""

from sql_generator.generation.offline.catalogue import Candidate
from sql_generator.generation.offline.grammar.reading import Reading
from sql_generator.generation.offline.lexicon import CONTEXT_PREPOSITIONS, LEAD_VERBS, POSSESSIVES
from sql_generator.generation.offline.linking import Item
from sql_generator.generation.offline.plan import Aggregate, ColumnOf, Defined, EntityOf, Exists, Holds, Operand, Phrase

_LEADING = CONTEXT_PREPOSITIONS | {"and", ","}
_NUMBERS = frozenset({"number", "numbers", "count", "counts"})


def star(reading: Reading) -> bool:
    """As in "all information about the customers"."""
    item = reading.at(reading.position)
    if item is None or not item.operator("star") or item.columns or not reading.asking:
        return False
    position = reading.skip_light(reading.position + 1)
    noun = reading.at(position)
    if noun is not None and noun.word in {"about", "on", "regarding", "concerning"}:
        position = reading.skip_light(position + 1)
        noun = reading.at(position)
    if noun is None or not noun.tables or reading.plan.shown:
        return False
    phrase = reading.table(noun)
    reading.subject = phrase
    reading.plan.shown.append(EntityOf(phrase, every_column=True))
    reading.position = position + 1
    return True


def term(reading: Reading) -> bool:
    """A defined quantity is shown; a defined condition must hold."""
    item = reading.at(reading.position)
    if item is None or item.term is None:
        return False
    if item.term.kind == "quantity":
        reading.show_measure(Defined(item.term), reading.position + 1)
        return True
    following = reading.at(reading.position + 1)
    reading.require(Holds(item.term, reading.take_negation()))
    if reading.asking and not reading.plan.shown and not (following is not None and following.tables):
        reading.subject = reading.plan.refer(item.text, (Candidate(item.term.table),))
        reading.plan.shown.append(EntityOf(reading.subject))
    reading.position += 1
    return True


def table(reading: Reading) -> bool:
    """As in "customers", "… of the customers", "who have orders"."""
    item = reading.at(reading.position)
    if item is None or not item.tables or (reading.asking and item.columns and _column_rather(reading, item)):
        return False
    if reading.asking and reading.plan.aggregates and reading.word_before(reading.position) in {"and", ","}:
        return False  # "the number of customers and orders" asks for two counts
    phrase = reading.table(item)
    if reading.asking and not item.verb:
        _table_asked_for(reading, phrase)
    elif reading.negated or not (_is_shown(reading, phrase) or (item.verb and reading.alternative)):
        reading.require(Exists(phrase, reading.take_negation(), by_verb=item.verb))
    reading.asking = reading.asking and not (item.verb and reading.plan.shown)
    reading.subject = phrase
    reading.position += 1
    return True


def _table_asked_for(reading: Reading, phrase: Phrase) -> None:
    plan = reading.plan
    if not plan.shown[reading.sentence_shown :]:
        if not (_is_context(reading) or _qualifies_column(reading)):
            plan.shown.append(EntityOf(phrase))
    elif _preposition_before(reading) in CONTEXT_PREPOSITIONS:
        plan.context.append(phrase)
        for shown in plan.shown:
            _put_near(reading, shown, phrase)
    elif reading.word_before(reading.position) in {"and", ","}:
        plan.shown.append(EntityOf(phrase))
    else:
        reading.require(Exists(phrase, reading.take_negation()))


def _qualifies_column(reading: Reading) -> bool:
    """As in "gymnast names": a table right before a column only says whose it is."""
    following = reading.at(reading.position + 1)
    if following is None or not following.columns or following.tables or following.operators:
        return False
    return not following.tokens[0].lower.endswith("ed")


def _is_shown(reading: Reading, phrase: Phrase) -> bool:
    """Whether a table is one that is shown, or whose columns are."""
    references = reading.plan.references
    own = {candidate.table for candidate in references[phrase].candidates}
    for operand in reading.plan.shown:
        inner = operand.of if isinstance(operand, Aggregate) else operand
        if isinstance(inner, EntityOf) and inner.phrase == phrase:
            return True
        if isinstance(inner, ColumnOf):
            reference = references[inner.phrase]
            only_own = {candidate.table for candidate in reference.candidates} <= own
            if reference.near == phrase or (reference.near is None and only_own):
                return True
    return False


def _preposition_before(reading: Reading) -> str:
    """The preposition, "and" or other word that leads to what stands here, past articles and one qualifying word."""
    position = _back_over_light(reading, reading.position - 1)
    item = reading.at(position)
    if item is not None and (item.values or item.literal or item.operator("distinct") or item.operator("group")):
        position = _back_over_light(reading, position - 1)
    return reading.word_before(position + 1)


def _back_over_light(reading: Reading, position: int) -> int:
    while (item := reading.at(position)) is not None and item.light and item.word not in _LEADING:
        position -= 1
    return position


def _column_rather(reading: Reading, item: Item) -> bool:
    """A phrase that names both: a column of the table that follows ("the cities of the customers"), unless it starts
    what is asked for and fits a table as well.
    """
    if item.columns[0].score > item.tables[0].score:
        return True
    if item.columns[0].score < item.tables[0].score:
        return False
    following = reading.at(reading.skip_light(reading.position + 1))
    of = reading.at(reading.position + 1)
    return (
        of is not None
        and of.word in {"of", "for"}
        and following is not None
        and bool(following.tables)
        and following.tables[0].table in {candidate.table for candidate in item.columns}
    )


def _is_context(reading: Reading) -> bool:
    """As in "for students in Rome, show the name": the table is only the context of what is shown later."""
    return reading.word_before(reading.position) in CONTEXT_PREPOSITIONS or reading.word_before(
        reading.position, 2
    ) in {"for", "of", "among"}


def _put_near(reading: Reading, operand: Operand, phrase: Phrase) -> None:
    inner = operand.of if isinstance(operand, Aggregate) else operand
    if isinstance(inner, ColumnOf):
        reference = reading.plan.references[inner.phrase]
        if reference.near is None or reference.near == phrase:
            reference.near = phrase


def column(reading: Reading) -> bool:
    """A column to show: one among the first things asked for, or one after "their" or "along with"."""
    item, before = reading.at(reading.position), reading.at(reading.position - 1)
    if item is None or not item.columns or not (reading.asking or _asks_again(reading)):
        return False
    if item.word in _NUMBERS and reading.plan.aggregates and reading.sentence_shown:
        reading.position += 1  # "how many …? List the number" asks for what is counted already
        return True
    if before is not None and before.columns and not before.tables and not before.light:
        return False
    if _role(reading, item):
        return True
    if _modifies(reading):
        return False
    reading.plan.shown.append(reading.column(item, _owner(reading, before)))
    reading.position += 1
    return True


def _asks_again(reading: Reading) -> bool:
    """As in "and their names", "along with the price", "show the price" after conditions."""
    word, earlier = reading.word_before(reading.position), reading.word_before(reading.position, 2)
    also = word in {"and", "with"} and earlier in {"along", "together", "well"}
    return also or word in POSSESSIVES | LEAD_VERBS or (word == "the" and earlier in LEAD_VERBS)


def _owner(reading: Reading, before: Item | None) -> Phrase | None:
    """The table that a column to show belongs to by the grammar of the question."""
    if before is not None and before.tables and not before.verb:
        near = reading.table(before)
        if near not in reading.plan.context:
            reading.plan.context.append(near)
        return near
    if not reading.asking or reading.word_before(reading.position) in POSSESSIVES:
        return reading.subject
    entities = [operand for operand in reading.plan.shown if isinstance(operand, EntityOf)]
    return entities[-1].phrase if entities else None


def _modifies(reading: Reading) -> bool:
    """As in "names of scholarship students": a column that only qualifies the noun after it."""
    following = reading.at(reading.position + 1)
    return (
        bool(reading.plan.shown)
        and _preposition_before(reading) in CONTEXT_PREPOSITIONS - {"to"}
        and following is not None
        and bool(following.tables)
    )


def _role(reading: Reading, item: Item) -> bool:
    """As in "the name of the instructor": a column that refers to another table stands for the row it refers to."""
    shown = reading.plan.shown
    if not shown or "id" in {token.lemma for token in item.tokens} or _preposition_before(reading) not in {"of", "for"}:
        return False
    target = reading.catalogue.referenced(item.columns[0])
    if target is None:
        return False
    phrase = reading.plan.refer(item.text, (Candidate(target),))
    reading.mentions.setdefault(target, phrase)
    reading.plan.context.append(phrase)
    for operand in shown:
        _put_near(reading, operand, phrase)
    reading.subject = phrase
    reading.position += 1
    return True


def distinct(reading: Reading) -> bool:
    """As in "the different countries"."""
    item = reading.at(reading.position)
    if item is None or not item.operator("distinct"):
        return False
    if reading.asking:
        reading.plan.distinct = True
    reading.position += 1
    return True

"""The state of reading a question from left to right, and what every rule of the grammar needs of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date

from sql_generator.generation.offline.catalogue import Candidate, Catalogue
from sql_generator.generation.offline.lexicon import CLAUSE_OPENERS, MEMBER_NOUNS, VAGUE_NOUNS
from sql_generator.generation.offline.linking import Item
from sql_generator.generation.offline.operators import Operator
from sql_generator.generation.offline.plan import (
    ColumnOf,
    Comparison,
    Condition,
    EntityOf,
    Operand,
    OrderKey,
    Phrase,
    Plan,
)

SENTENCE_ENDS = frozenset({".", "?", "!", ";"})
_SHORTEST_PARTICIPLE = 3
_CLOSE = 0.25


@dataclass(slots=True)
class Reading:
    """Where the reader stands. A rule looks from `position`, and either takes items and says so, or leaves all as is.

    `asking`: columns met now are to be shown; otherwise they are conditions. `subject` is the table spoken of last.
    `unread` collects what no rule took.
    """

    items: Sequence[Item]
    catalogue: Catalogue
    today: date
    plan: Plan = field(default_factory=Plan)
    position: int = 0
    asking: bool = True
    subject: Phrase | None = None
    mentions: dict[str, Phrase] = field(default_factory=dict)
    alternative: bool = False
    negated: bool = False
    top: int | None = None
    top_open: bool = False
    top_descending: bool = True
    sentence_shown: int = 0
    unread: list[Item] = field(default_factory=list)
    assumptions: list[str] = field(default_factory=list)

    def at(self, position: int) -> Item | None:
        """The item there, if any."""
        return self.items[position] if 0 <= position < len(self.items) else None

    def word_before(self, position: int, back: int = 1) -> str:
        """The lower-case word before, empty at the start."""
        item = self.at(position - back)
        return item.word if item is not None else ""

    def skip_light(self, position: int) -> int:
        """The first position from here whose item says something, or ends the sentence."""
        while (item := self.at(position)) is not None and item.light:
            if item.operators or item.word in SENTENCE_ENDS:
                break
            position += 1
        return position

    def table(self, item: Item) -> Phrase:
        """The phrase of a table; one phrase for all its mentions."""
        first = item.tables[0].table
        if first not in self.mentions:
            close = tuple(table for table in item.tables if table.score >= item.tables[0].score - _CLOSE)
            self.mentions[first] = self.plan.refer(item.text, close)
        return self.mentions[first]

    def column(self, item: Item, near: Phrase | None = None) -> ColumnOf:
        """The phrase of a column."""
        return ColumnOf(self.plan.refer(item.text, item.columns, near))

    def implied(self, operator: Operator, near: Phrase | None) -> ColumnOf | None:
        """The column that an adjective speaks of ("oldest": age), where the schema has one."""
        found: list[Candidate] = []
        for word in operator.columns:
            found += self.catalogue.names((word,))
        if operator.columns == ("date",):
            found += [column for table in self.catalogue.tables for column in self.catalogue.dates(table)]
            found += self.catalogue.names(("year",))
        columns = tuple(candidate for candidate in found if candidate.column is not None)
        return ColumnOf(self.plan.refer(operator.columns[0], columns, near)) if columns else None

    def require(self, condition: Condition) -> None:
        """Adds a condition, as an alternative to the one before after an "or"."""
        if self.alternative and self.plan.conditions:
            self.plan.conditions[-1].append(condition)
        else:
            self.plan.conditions.append([condition])
        self.alternative = False

    def take_negation(self) -> bool:
        """Whether a "not" was pending; it is used up."""
        negated, self.negated = self.negated, False
        return negated

    def compare(self, condition: Comparison, after: int) -> None:
        """Adds a comparison whose operator took a pending "not" into account."""
        self.require(condition)
        self.negated = False
        self.position = after

    @property
    def shows_rows_only(self) -> bool:
        """Whether what is asked for so far are the rows of one table."""
        shown = self.plan.shown
        return len(shown) == 1 and isinstance(shown[0], EntityOf) and not shown[0].every_column

    def show_measure(self, operand: Operand, after: int) -> None:
        """Adds a measure to what is asked for; after "top 5 customers by" it is what they are ranked by."""
        self.position = after
        if self.top_open and self.word_before(after, 2) == "by":
            self.top_open = False
            self.order_by(operand, descending=self.top_descending)
        else:
            self.plan.shown.append(operand)

    def rank(self, operand: Operand, after: int, *, descending: bool) -> None:
        """Keeps the first few by an operand: as many as were asked for, else one."""
        self.order_by(operand, descending=descending)
        self.plan.limit = self.top or 1
        self.top_open = False
        self.position = after

    def order_by(self, operand: Operand, *, descending: bool) -> None:
        """Adds a key to sort by."""
        self.plan.order.append(OrderKey(operand, descending))

    def is_number(self, item: Item) -> bool:
        """Whether the best columns that an item may name hold numbers."""
        return any(
            self.catalogue.type_of(candidate) == "number" and candidate.score >= item.columns[0].score - 0.1
            for candidate in item.columns
        )

    def holds_numbers(self, item: Item) -> bool:
        """Whether the values known of the best column are numbers, stored as text."""
        samples = self.catalogue.samples(item.columns[0])
        return bool(samples) and all(sample.replace(".", "", 1).isdigit() for sample in samples)

    def is_date(self, item: Item) -> bool:
        """Whether some column that an item may name holds points in time."""
        return any(self.catalogue.type_of(candidate) == "date" for candidate in item.columns)


Rule = Callable[[Reading], bool]


def read(reading: Reading, rules: Sequence[Rule]) -> None:
    """Reads all items: at each position the first rule that takes something wins, the others leave no trace."""
    while (item := reading.at(reading.position)) is not None:
        bookmark = _Bookmark.at(reading)
        for rule in rules:
            if rule(reading):
                break
            bookmark.restore(reading)
        else:
            _pass_over(reading, item)
            reading.position += 1


@dataclass(frozen=True, slots=True)
class _Bookmark:
    """Where a reading stood, to return to when a rule gives up half-way."""

    position: int
    asking: bool
    subject: Phrase | None
    alternative: bool
    negated: bool
    references: int
    shown: tuple[Operand, ...]
    order: int
    conditions: tuple[int, ...]
    assumptions: int

    @classmethod
    def at(cls, reading: Reading) -> "_Bookmark":
        plan = reading.plan
        return cls(
            reading.position,
            reading.asking,
            reading.subject,
            reading.alternative,
            reading.negated,
            len(plan.references),
            tuple(plan.shown),
            len(plan.order),
            tuple(map(len, plan.conditions)),
            len(reading.assumptions),
        )

    def restore(self, reading: Reading) -> None:
        plan = reading.plan
        reading.position, reading.asking, reading.subject = self.position, self.asking, self.subject
        reading.alternative, reading.negated = self.alternative, self.negated
        if len(plan.references) > self.references:
            del plan.references[self.references :]
            for name in [name for name, phrase in reading.mentions.items() if phrase >= self.references]:
                del reading.mentions[name]
        plan.shown[:] = self.shown
        del plan.order[self.order :], reading.assumptions[self.assumptions :]
        del plan.conditions[len(self.conditions) :]
        for group, size in zip(plan.conditions, self.conditions, strict=True):
            del group[size:]


def _adds_nothing(reading: Reading, item: Item) -> bool:
    """A noun that only repeats what the phrase before it names ("faculty members"), "by" after a verb, or "the number"
    in a second sentence about what the first one counts.
    """
    before = reading.at(reading.position - 1)
    if before is None:
        return False
    lemma = item.tokens[-1].lemma
    if (before.tables and lemma in MEMBER_NOUNS) or (before.columns and lemma in VAGUE_NOUNS):
        return True
    if not item.operators and reading.catalogue.tells_keys_apart(lemma):
        return True
    if item.word == "by" and (before.light or before.verb) and len(before.word) > _SHORTEST_PARTICIPLE:
        return True
    return lemma in {"number", "count"} and reading.plan.aggregates and reading.sentence_shown > 0


def _pass_over(reading: Reading, item: Item) -> None:
    word = item.word
    if word in CLAUSE_OPENERS and reading.position > 0 and reading.plan.shown:
        reading.asking = False
    if word == "or":
        reading.alternative = True
    if word in SENTENCE_ENDS:
        reading.asking = True
        more = any(not later.light for later in reading.items[reading.position + 1 :])
        if more and not reading.sentence_shown:
            reading.sentence_shown = len(reading.plan.shown)
    if item.light or _adds_nothing(reading, item):
        return
    reading.unread.append(item)

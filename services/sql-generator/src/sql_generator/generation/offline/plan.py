"""What a question asks for, before it is SQL: which things to show, under which conditions, in which order.

Phrases of the question are referred to by their number; `resolving` decides which table or column each one names.
"""

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from sql_generator.generation.offline.catalogue import Candidate
from sql_generator.generation.offline.definitions import Definition

AggregateFunction = Literal["COUNT", "SUM", "AVG", "MIN", "MAX"]
Phrase: TypeAlias = int

EVERY_ROW: Final[Phrase] = -1
"""Stands for the phrase of a table where rows are counted whatever their table."""


@dataclass(slots=True)
class Reference:
    """A phrase and what it may name. `near` is the phrase of the table it belongs to by the grammar of the question."""

    text: str
    candidates: tuple[Candidate, ...]
    near: Phrase | None = None


@dataclass(frozen=True, slots=True)
class ColumnOf:
    """A column."""

    phrase: Phrase


@dataclass(frozen=True, slots=True)
class EntityOf:
    """The rows of a table, shown by what names them; `every_column` shows all there is."""

    phrase: Phrase
    every_column: bool = False


@dataclass(frozen=True, slots=True)
class Aggregate:
    """An aggregate of a column, or a count of rows when `of` is a table."""

    function: AggregateFunction
    of: ColumnOf | EntityOf
    distinct: bool = False


@dataclass(frozen=True, slots=True)
class Defined:
    """A term that a memory or a rule defines."""

    definition: Definition
    function: AggregateFunction | None = None


@dataclass(frozen=True, slots=True)
class Bucket:
    """A point in time cut to its unit."""

    unit: str
    of: ColumnOf


Operand: TypeAlias = ColumnOf | EntityOf | Aggregate | Defined | Bucket


@dataclass(frozen=True, slots=True)
class Comparison:
    """`left operator value`; `value` is None for the average of `left` over all rows."""

    left: Operand
    operator: str
    value: str | None
    is_number: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """The column holds the value that the phrase names. `joint`: "and" ties it to the value named before."""

    phrase: Phrase
    negated: bool = False
    joint: bool = False


@dataclass(frozen=True, slots=True)
class Between:
    """`low <= column <= high`."""

    left: ColumnOf
    low: str
    high: str
    is_number: bool


@dataclass(frozen=True, slots=True)
class Pattern:
    """The column's text contains, starts or ends with something."""

    left: ColumnOf
    like: str
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Missing:
    """The column is null, or is not."""

    left: ColumnOf
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Flag:
    """A column of two values, of which one means yes, says yes or no."""

    left: ColumnOf
    value: bool


@dataclass(frozen=True, slots=True)
class During:
    """The point in time lies in [start, end), ISO dates of which one may be missing."""

    left: ColumnOf
    start: str | None
    end: str | None


@dataclass(frozen=True, slots=True)
class Exists:
    """There is a row of the table that belongs to the row in question, or none. `by_verb`: only a verb says so, which
    another condition may say better.
    """

    phrase: Phrase
    negated: bool = False
    by_verb: bool = False


@dataclass(frozen=True, slots=True)
class Holds:
    """A condition that a memory or a rule defines."""

    definition: Definition
    negated: bool = False


Condition: TypeAlias = Comparison | Known | Between | Pattern | Missing | Flag | During | Exists | Holds


@dataclass(frozen=True, slots=True)
class OrderKey:
    """What to sort by, and which way."""

    operand: Operand
    descending: bool = False


@dataclass(slots=True)
class Plan:
    """A question, read. Conditions in one inner list are alternatives; all lists must hold.

    `for_each`: groups were asked for in so many words; `show_order`: the result shows what it is sorted by; `context`
    are tables that what is shown belongs to.
    """

    references: list[Reference] = field(default_factory=list)
    shown: list[Operand] = field(default_factory=list)
    groups: list[Operand] = field(default_factory=list)
    conditions: list[list[Condition]] = field(default_factory=list)
    order: list[OrderKey] = field(default_factory=list)
    limit: int | None = None
    distinct: bool = False
    show_order: bool = False
    for_each: bool = False
    context: list[Phrase] = field(default_factory=list)

    def refer(self, text: str, candidates: tuple[Candidate, ...], near: Phrase | None = None) -> Phrase:
        """Adds a phrase and returns its number."""
        self.references.append(Reference(text, candidates, near))
        return len(self.references) - 1

    @property
    def aggregates(self) -> bool:
        """Whether anything shown is an aggregate."""
        return any(isinstance(operand, Aggregate | Defined) for operand in self.shown)

"""What a rule does to a statement, as data: what it does never depends on how its words are understood."""

from typing import Annotated, Literal, TypeAlias

from pydantic import ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr, model_validator

from contracts.base import Message, Name

# A field nobody knows may be the very thing that protects: it is an error, here as at the edge.
_EXACT = ConfigDict(extra="forbid")

Operator: TypeAlias = Literal["=", "<>", "<", "<=", ">", ">=", "in", "not in", "is null", "is not null"]
Value: TypeAlias = (
    Annotated[StrictStr, Field(max_length=1_000)]
    | StrictBool
    | Annotated[StrictInt, Field(ge=-(2**63), lt=2**63)]
    | Annotated[StrictFloat, Field(allow_inf_nan=False)]
)

MAX_VALUES = 100
_WITHOUT_VALUE = frozenset({"is null", "is not null"})
_WITH_VALUES = frozenset({"in", "not in"})


class FilterRows(Message):
    """Only rows of the table that meet the condition are read, wherever a statement reads the table.

    A row whose value is unknown (NULL) meets `<>` and `not in`, as people mean "all but", and no other comparison.
    """

    model_config = _EXACT

    kind: Literal["filter"] = "filter"
    table: Name
    column: Name
    operator: Operator
    values: Annotated[tuple[Value, ...], Field(max_length=MAX_VALUES)] = ()

    @model_validator(mode="after")
    def _as_many_values_as_the_operator_takes(self) -> "FilterRows":
        count = len(self.values)
        if self.operator in _WITHOUT_VALUE and count:
            raise ValueError(f"values must be empty for {self.operator}")
        if self.operator in _WITH_VALUES and not count:
            raise ValueError(f"values must not be empty for {self.operator}")
        if self.operator not in _WITHOUT_VALUE | _WITH_VALUES and count != 1:
            raise ValueError(f"values must be one value for {self.operator}")
        if any(isinstance(value, str) and "\x00" in value for value in self.values):
            raise ValueError("values must not contain the NUL character")
        return self


class MaskColumn(Message):
    """Statements read something else in place of the column's values.

    `full` leaves only whether there is a value (text becomes `***`, everything else NULL), `partial` the last four
    characters of values longer than eight, `hash` a pseudonym that is equal for equal values (`full` where the engine
    has no hash function, as SQLite). `none` shows the column in spite of a rule of lower priority.
    """

    model_config = _EXACT

    kind: Literal["mask"] = "mask"
    table: Name
    column: Name
    how: Literal["full", "partial", "hash", "none"] = "full"


class ForbidReading(Message):
    """No statement may name the column, or the table when no column is given; `*` leaves the column out."""

    model_config = _EXACT

    kind: Literal["forbid"] = "forbid"
    table: Name
    column: Name | None = None


class RequireCondition(Message):
    """A statement that reads the table must restrict its rows by a condition on the column."""

    model_config = _EXACT

    kind: Literal["require"] = "require"
    table: Name
    column: Name


class LimitRows(Message):
    """How many rows an answer has: where the statement sets no limit (`default`), or in any case (`maximum`)."""

    model_config = _EXACT

    kind: Literal["limit"] = "limit"
    rows: Annotated[StrictInt, Field(ge=1, le=1_000_000)]
    mode: Literal["default", "maximum"] = "default"


class AliasTables(Message):
    """Every table that is read gets an alias, introduced with AS."""

    model_config = _EXACT

    kind: Literal["aliases"] = "aliases"


class RoundNumbers(Message):
    """Fractional numbers of the answer are rounded to so many decimals."""

    model_config = _EXACT

    kind: Literal["round"] = "round"
    decimals: Annotated[StrictInt, Field(ge=0, le=10)]


Effect: TypeAlias = Annotated[
    FilterRows | MaskColumn | ForbidReading | RequireCondition | LimitRows | AliasTables | RoundNumbers,
    Field(discriminator="kind"),
]

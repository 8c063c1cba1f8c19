"""Whether two results are the same, which is what execution accuracy counts.

The rule is that of test-suite evaluation (Zhong, Yu and Klein, 2020: "Semantic Evaluation for Text-to-SQL with
Distilled Test Suites", as its `result_eq` has it): the same rows, each as often, with the columns in any order and
whatever their names; in the same order where the gold query orders its result. Two results without rows are the same.
NULL equals NULL, text equals text to the letter, and an integer equals a float of its value.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TypeAlias

Value: TypeAlias = str | int | float | bool | None
Rows: TypeAlias = Sequence[Sequence[Value]]

_SIGNIFICANT_DIGITS = 7
"""Of floats; sums of the same numbers in another order differ in the sixteenth."""
_MAX_COLUMN_ORDERS = 5_000


def same_result(gold: Rows, found: Rows, *, ordered: bool) -> bool:
    """Whether the two are the same result; `ordered` says whether the gold query orders its rows."""
    if len(gold) != len(found):
        return False
    if not gold:
        return True
    gold_columns, found_columns = _columns(gold), _columns(found)
    if len(gold_columns) != len(found_columns):
        return False
    if ordered:
        return Counter(gold_columns) == Counter(found_columns)
    rows = Counter(zip(*gold_columns, strict=True))
    orders = islice(_orders(gold_columns, found_columns), _MAX_COLUMN_ORDERS)
    return any(Counter(zip(*(found_columns[at] for at in order), strict=True)) == rows for order in orders)


def _columns(rows: Rows) -> list[tuple[Value, ...]]:
    return list(zip(*(map(_rounded, row) for row in rows), strict=True))


def _rounded(value: Value) -> Value:
    return float(f"{value:.{_SIGNIFICANT_DIGITS}g}") if isinstance(value, float) else value


def _orders(gold: Sequence[tuple[Value, ...]], found: Sequence[tuple[Value, ...]]) -> Iterator[list[int]]:
    """The orders of the columns found in which each holds the values of the gold one; of equal columns only one."""
    held = [Counter(column) for column in found]
    fitting = [[at for at, values in enumerate(held) if values == Counter(column)] for column in gold]

    def extended(order: list[int]) -> Iterator[list[int]]:
        if len(order) == len(gold):
            yield order
            return
        tried = set()
        for at in fitting[len(order)]:
            if at not in order and found[at] not in tried:
                tried.add(found[at])
                yield from extended([*order, at])

    return extended([])

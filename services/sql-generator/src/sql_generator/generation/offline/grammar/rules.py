"""The rules in the order in which they are tried: what is longer or more telling goes first."""

from collections.abc import Sequence

from sql_generator.generation.offline.grammar import (
    bounds,
    conditions,
    counting,
    existence,
    grouping,
    measures,
    ranking,
    showing,
    sorting,
    times,
    values,
)
from sql_generator.generation.offline.grammar.reading import Rule

RULES: Sequence[Rule] = (
    showing.star,
    sorting.order,
    ranking.top,
    ranking.frequency,
    ranking.sold,
    counting.count,
    counting.much,
    measures.aggregate,
    ranking.superlative,
    grouping.periodic,
    ranking.top_by,
    grouping.group,
    times.dated_column,
    times.time,
    existence.negation,
    bounds.comparison,
    bounds.span,
    values.numbered,
    bounds.quantity,
    conditions.missing,
    existence.act,
    conditions.conditional_column,
    values.both,
    values.value,
    values.named,
    showing.term,
    existence.existing,
    showing.table,
    showing.column,
    showing.distinct,
)

"""Which table or column each phrase names: the choice that fits the words best and needs the fewest joins."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import inf, prod

from sql_generator.generation.offline.catalogue import Candidate
from sql_generator.generation.offline.joining import JoinGraph
from sql_generator.generation.offline.plan import Aggregate, Bucket, ColumnOf, Plan

_JOIN_COST = 0.3
_APART_COST = 0.5
_FAR_BELOW_BEST = 0.45
_TOO_CLOSE = 0.04
_MEASURE_TOO_CLOSE = 0.25
_MEASURE_TOO_CLOSE_IN_TIME = 1.2
_MOST_COMBINATIONS = 3_000


class Unanswerable(Exception):  # noqa: N818 - an answer of its own kind, not a failure
    """The question cannot be answered from the schema for the reason given, a sentence for the person who asked."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """The candidate chosen for each phrase, by its number; `cost` is 0 when every phrase names its thing in full.

    `unsure` names a phrase for which another choice would have been nearly as good.
    """

    chosen: tuple[Candidate, ...]
    cost: float
    unsure: str | None = None


def resolve(plan: Plan, graph: JoinGraph, fixed: Sequence[str] = ()) -> Resolution:
    """The cheapest combination of candidates; `fixed` are tables the answer needs anyway.

    The cost of a combination is what its names lack in fit, a price for each join that connects its tables, and a
    price for each phrase that lands in another table than the one the question ties it to.

    Raises:
        Unanswerable: no combination of tables connects.
    """
    options = _options(plan)
    ranked: list[tuple[float, tuple[Candidate, ...]]] = []
    for combination in product(*options):
        cost = _cost(plan, graph, combination, fixed)
        if cost < inf:
            ranked.append((cost, combination))
    if not ranked:
        raise Unanswerable("The tables the question speaks of are not connected by any key I know.")
    ranked.sort(key=lambda entry: entry[0])
    cost, chosen = ranked[0]
    return Resolution(chosen, cost, _unsure(plan, graph, ranked) or _unsure_measure(plan, graph, ranked))


def _options(plan: Plan) -> list[tuple[Candidate, ...]]:
    for most in (6, 4, 3, 2, 1):
        options = []
        for reference in plan.references:
            ranked = sorted(reference.candidates, key=lambda candidate: -candidate.score)
            best = ranked[0].score
            options.append(tuple(c for c in ranked if c.score >= best - _FAR_BELOW_BEST)[:most])
        if prod(map(len, options)) <= _MOST_COMBINATIONS:
            break
    return options


def _cost(plan: Plan, graph: JoinGraph, chosen: tuple[Candidate, ...], fixed: Sequence[str]) -> float:
    cost = sum(1 - candidate.score for candidate in chosen)
    for reference, candidate in zip(plan.references, chosen, strict=True):
        if reference.near is not None:
            distance = graph.distance(chosen[reference.near].table, candidate.table)
            cost += inf if distance is None else _APART_COST * distance
    joins = graph.tree([*(candidate.table for candidate in chosen), *fixed])
    return inf if joins is None else cost + _JOIN_COST * sum(edge.length for edge in joins)


def _unsure_measure(plan: Plan, graph: JoinGraph, ranked: list[tuple[float, tuple[Candidate, ...]]]) -> str | None:
    """A measured column that two tables have, of which the question names neither: which one it is changes the number
    itself, so a shorter join is no reason to choose.
    """
    cost, chosen = ranked[0]
    named = {candidate.table for candidate in chosen if candidate.column is None}
    in_time = any(isinstance(group, Bucket) for group in plan.groups)
    enough = _MEASURE_TOO_CLOSE_IN_TIME if in_time else _MEASURE_TOO_CLOSE
    for operand in plan.shown:
        if not isinstance(operand, Aggregate) or not isinstance(operand.of, ColumnOf) or operand.function == "COUNT":
            continue
        phrase = operand.of.phrase
        mine = chosen[phrase]
        if plan.references[phrase].near is not None or mine.table in named:
            continue
        for other_cost, other in ranked[1:]:
            theirs = other[phrase]
            if other_cost - cost > enough:
                break
            if (
                theirs != mine
                and theirs.score >= mine.score
                and not graph.same_value((mine.table, mine.column or ""), (theirs.table, theirs.column or ""))
            ):
                return plan.references[phrase].text
    return None


def _unsure(plan: Plan, graph: JoinGraph, ranked: list[tuple[float, tuple[Candidate, ...]]]) -> str | None:
    cost, chosen = ranked[0]
    for other_cost, other in ranked[1:]:
        if other_cost - cost > _TOO_CLOSE:
            return None
        for position, (mine, theirs) in enumerate(zip(chosen, other, strict=True)):
            if mine == theirs or (mine.table, mine.column) == (theirs.table, theirs.column):
                continue
            same = (
                mine.column is not None
                and theirs.column is not None
                and graph.same_value((mine.table, mine.column), (theirs.table, theirs.column))
            )
            if not same:
                return plan.references[position].text
    return None

"""One plan as one SELECT."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from sql_generator.generation.offline.catalogue import Catalogue
from sql_generator.generation.offline.definitions import Definition, Knowledge, Wish
from sql_generator.generation.offline.joining import JoinGraph
from sql_generator.generation.offline.plan import (
    Aggregate,
    Bucket,
    ColumnOf,
    Comparison,
    Defined,
    EntityOf,
    OrderKey,
    Plan,
)
from sql_generator.generation.offline.resolving import Resolution, Unanswerable
from sql_generator.generation.offline.sql.conditions import Conditions
from sql_generator.generation.offline.sql.operands import entity, expression, label, shown
from sql_generator.generation.offline.sql.sources import Sources, column_of
from sql_generator.generation.offline.sql.statement import Statement, columns_in
from sql_generator.generation.offline.tokens import lemma


@dataclass(frozen=True, slots=True)
class Composition:
    """The statement, the tables it joins, and the definitions and wishes that went into it."""

    tree: exp.Select
    tables: tuple[str, ...]
    used: tuple[Definition | Wish, ...]


def composed(
    plan: Plan, resolution: Resolution, catalogue: Catalogue, graph: JoinGraph, knowledge: Knowledge, *, wide: bool
) -> Composition:
    """The plan as a statement; `wide` shows all columns where only rows are asked for.

    Raises:
        Unanswerable: what is asked for would count rows several times, or has no form in SQL that is sure.
    """
    statement = Statement(plan, resolution.chosen, catalogue, knowledge, Sources(graph), wide)
    _settle_groups(statement)
    statement.sources.join(_core(statement))
    Conditions(statement).place()
    keys = _group_keys(statement)
    expressions = [one for operand in plan.shown for one in shown(statement, operand)]
    if plan.show_order or (plan.distinct and not keys):
        added = [key.operand for key in plan.order if not statement.is_shown(key.operand)]
        expressions += [one for operand in added for one in shown(statement, operand)]
    if not expressions:
        raise Unanswerable("I do not see what the question wants to know.")
    order = _order(statement, keys)
    _add_standing(statement)
    select = statement.sources.onto(exp.select(*_once(expressions)))
    for condition in _once(statement.where):
        select = select.where(condition)
    if keys:
        select = select.group_by(*_once(keys))
    for condition in statement.having:
        select = select.having(condition)
    if plan.distinct and not statement.aggregated:
        select = select.distinct()
    if order:
        select = select.order_by(*order)
    limit = _limit(statement, one_row=statement.aggregated and not keys)
    if limit is not None:
        select = select.limit(limit)
    return Composition(select, tuple(statement.sources.tables), tuple(dict.fromkeys(statement.used)))


def _settle_groups(statement: Statement) -> None:
    """Groups are shown, first; without a measure there is nothing to group, and "each customer" is just customers."""
    plan = statement.plan
    for group in reversed(plan.groups):
        if isinstance(group, EntityOf):
            table = statement.of(group).table
            covered = any(
                isinstance(one, EntityOf) or (isinstance(one, ColumnOf) and statement.of(one).table == table)
                for one in plan.shown
            )
        else:
            covered = statement.is_shown(group)
        if not covered:
            plan.shown.insert(0, group)
    if not statement.aggregated:
        plan.groups.clear()
    buckets = [group for group in plan.groups if isinstance(group, Bucket)]
    if not plan.order:
        plan.order += [OrderKey(bucket) for bucket in buckets]


def _core(statement: Statement) -> list[str]:
    """The tables whose rows make up the result: those of all that is shown, grouped by or sorted by."""
    plan = statement.plan
    operands = [*plan.shown, *plan.groups, *statement.ordered_by]
    tables = [table for operand in operands for table in statement.tables(operand)]
    tables += [statement.table(phrase) for phrase in plan.context]
    for group in plan.conditions:
        for condition in group:
            if isinstance(condition, Comparison) and statement.in_having(condition):
                tables += statement.tables(condition.left)
    if not tables and not statement.chosen:
        raise Unanswerable("I do not see which table the question is about.")
    return list(dict.fromkeys(tables or [statement.chosen[0].table]))


def _group_keys(statement: Statement) -> list[exp.Expr]:
    if not statement.aggregated:
        return []
    keys: list[exp.Expr] = []
    for operand in (*statement.plan.groups, *statement.plan.shown):
        if isinstance(operand, EntityOf):
            keys += _entity_keys(statement, operand)
        elif isinstance(operand, ColumnOf):
            keys += [*_row_key(statement, operand), expression(statement, operand)]
        elif isinstance(operand, Bucket):
            keys.append(expression(statement, operand))
    return keys


def _entity_keys(statement: Statement, operand: EntityOf) -> list[exp.Expr]:
    table = statement.of(operand).table
    key = [column_of(table, name) for name in statement.catalogue.key_of(table)]
    if any(isinstance(one, ColumnOf) and statement.of(one).table == table for one in statement.plan.shown):
        return list(key) if len(key) == 1 else []
    return [*key, *entity(statement, operand)]


def _row_key(statement: Statement, operand: ColumnOf) -> list[exp.Expr]:
    """The key of the row that a shown column belongs to: two customers of one name are two customers."""
    if any(not isinstance(group, EntityOf) for group in statement.plan.groups):
        return []
    candidate = statement.of(operand)
    key = statement.catalogue.key_of(candidate.table)
    if len(key) != 1 or candidate.table in _measured(statement):
        return []
    mentioned = any(chosen.column is None and chosen.table == candidate.table for chosen in statement.chosen)
    names_it = candidate.column in statement.catalogue.display_columns(candidate.table)
    return [column_of(candidate.table, key[0])] if mentioned or names_it else []


def _measured(statement: Statement) -> set[str]:
    conditions = [condition for group in statement.plan.conditions for condition in group]
    compared = [one.left for one in conditions if isinstance(one, Comparison) and statement.in_having(one)]
    operands = [*statement.plan.shown, *statement.ordered_by, *compared]
    measures = [operand for operand in operands if isinstance(operand, Aggregate | Defined)]
    return {table for measure in measures for table in statement.tables(measure)}


def _add_standing(statement: Statement) -> None:
    """Standing conditions hold for the joined tables, and for those that the rows of an aggregate belong to."""
    conditioned = columns_in([*statement.where, *statement.having])
    if statement.aggregated:
        for definition in statement.knowledge.standing:
            if statement.sources.belongs_to(definition.table):
                statement.sources.join([definition.table])
    statement.where += statement.standing(statement.sources.tables, conditioned)


def _order(statement: Statement, keys: Sequence[exp.Expr]) -> list[exp.Ordered]:
    ordered = [_order_key(statement, key, keys) for key in statement.plan.order]
    one_row = statement.aggregated and not keys
    wish = statement.knowledge.sort
    if ordered or one_row or wish is None:
        return ordered
    column = _wished(statement, wish)
    if column is None:
        return []
    statement.used.append(wish)
    return [_sorted(statement, column, descending=wish.descending, nullable=False)]


def _order_key(statement: Statement, key: OrderKey, keys: Sequence[exp.Expr]) -> exp.Ordered:
    value = expression(statement, key.operand)
    nullable = False
    if isinstance(key.operand, ColumnOf):
        candidate = statement.of(key.operand)
        column = statement.catalogue.column(candidate.table, candidate.column or "")
        nullable = statement.plan.limit is not None and column.nullable and not column.primary_key
        if statement.aggregated and value not in keys:
            raise Unanswerable(f"The groups have no single {candidate.column} to be sorted by.")
    return _sorted(statement, value, descending=key.descending, nullable=nullable)


def _sorted(statement: Statement, value: exp.Expr, *, descending: bool, nullable: bool) -> exp.Ordered:
    """Where rows without a value would come first among the few that are kept, they go last instead."""
    first_by_itself = statement.dialect != "duckdb" and descending == (statement.dialect == "postgres")
    return exp.Ordered(this=value, desc=descending, nulls_first=first_by_itself and not nullable)


def _wished(statement: Statement, wish: Wish) -> exp.Expr | None:
    """The column someone likes results sorted by, when this result has it."""
    plan = statement.plan
    for candidate in statement.catalogue.names(wish.phrase):
        if candidate.column is None or candidate.table not in statement.sources.tables:
            continue
        visible = any(
            isinstance(operand, ColumnOf) and statement.of(operand).column == candidate.column for operand in plan.shown
        )
        if visible or not (statement.aggregated or plan.distinct):
            return column_of(candidate.table, candidate.column)
    for operand in plan.shown:
        words = [lemma(word) for word in label(statement, operand).split("_")]
        if isinstance(operand, Aggregate | Defined) and wish.phrase and wish.phrase[-1] in words:
            return expression(statement, operand)
    return None


def _limit(statement: Statement, *, one_row: bool) -> int | None:
    wish = statement.knowledge.limit
    if statement.plan.limit is not None or one_row or wish is None:
        return statement.plan.limit
    statement.used.append(wish)
    return wish.number


def _once(expressions: Sequence[exp.Expr]) -> list[exp.Expr]:
    return list({tree.sql(): tree for tree in expressions}.values())

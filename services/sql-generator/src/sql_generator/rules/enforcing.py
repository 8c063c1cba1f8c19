"""Rules on a statement: what they make of it, and what each of them did."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from sqlglot import exp

from contracts.sql_generator import (
    AliasTables,
    DatabaseSchema,
    Effect,
    FilterRows,
    ForbidReading,
    LimitRows,
    MaskColumn,
    RequireCondition,
    RoundNumbers,
    Rule,
)
from sql_generator.rules.aliasing import alias_tables
from sql_generator.rules.checks import Sources
from sql_generator.rules.limits import limited
from sql_generator.rules.names import find_table, folded, table_key
from sql_generator.rules.reaching import may_see
from sql_generator.rules.rounding import round_numbers
from sql_generator.rules.scans import Scan, compared, hashes, places, rewrite
from sql_guard.parsing import parse, tokenize
from sql_guard.rendering import render

_MAX_DESCRIBED: Final = 200


class RuleBroken(Exception):  # noqa: N818  # reads as what it says
    """The statement does what a rule does not allow; the message names the rule, for the model to write another."""


@dataclass(frozen=True, slots=True)
class InForce:
    """One effect of a rule that holds; its names are those of the schema."""

    rule: Rule
    effect: Effect


@dataclass(slots=True)
class Enforced:
    """A statement under its rules, and what each rule did, by id."""

    sql: str
    done: dict[UUID, list[str]] = field(default_factory=dict)

    def note(self, rule: Rule, what: str) -> None:
        """Note what a rule did."""
        self.done.setdefault(rule.rule_id, []).append(what)


def enforce(sql: str, schema: DatabaseSchema, held: Sequence[InForce]) -> Enforced:
    """The statement as the rules want it. `sql` is a query that the guard rendered, and the result is for the guard.

    Raises:
        RuleBroken: the statement does what a rule does not allow.
    """
    if not held:
        return Enforced(sql)
    return _Enforcement(sql, schema, held).run()


class _Enforcement:
    def __init__(self, sql: str, schema: DatabaseSchema, held: Sequence[InForce]) -> None:
        self._schema = schema
        self._dialect = schema.dialect
        self._held = held
        tree = parse(tokenize(sql, self._dialect), sql, self._dialect)[0]
        if tree is None:
            raise RuleBroken("the statement cannot be read")
        self._tree = tree
        self._read = {key for _, key in places(tree, self._dialect)}
        self._enforced = Enforced(sql)

    def run(self) -> Enforced:
        self._require_plain_reading()
        self._check()
        self._restyle()
        self._scan()
        self._limit()
        if self._enforced.done:
            self._enforced.sql = render(self._tree, self._dialect)
        return self._enforced

    def _protected(self) -> dict[str, Rule]:
        """The tables that some rule is about, each with the first such rule."""
        found: dict[str, Rule] = {}
        for each in self._held:
            if isinstance(each.effect, FilterRows | MaskColumn | ForbidReading | RequireCondition):
                found.setdefault(table_key(each.effect.table, self._dialect), each.rule)
        return found

    def _require_plain_reading(self) -> None:
        """Refuse the few forms in which it is not plain from the tree what is read."""
        protected = self._protected()
        if not protected:
            return
        for node in self._tree.walk():
            if isinstance(node, exp.CTE) and folded(node.alias) in {key.rpartition(".")[2] for key in protected}:
                raise RuleBroken(f"give the common table expression {node.alias} another name than a table's")
            if isinstance(node, exp.Describe | exp.Summarize):
                raise RuleBroken("DESCRIBE and SUMMARIZE say too much of a table that rules are about")
            if isinstance(node, exp.In) and self._dialect == "sqlite" and node.args.get("field") is not None:
                raise RuleBroken("write IN (SELECT column FROM table) instead of IN table")

    def _check(self) -> None:
        sources = Sources(self._tree, self._schema)
        for each in self._held:
            effect = each.effect
            if not isinstance(effect, ForbidReading | RequireCondition):
                continue
            key = table_key(effect.table, self._dialect)
            if key not in self._read:
                continue
            name = effect.table if effect.column is None else f"{effect.table}.{effect.column}"
            if isinstance(effect, RequireCondition):
                if not sources.restricted(key, effect.column):
                    raise _broken(each.rule, f"rows of {effect.table} must be restricted by a condition on {name}")
                self._enforced.note(each.rule, f"checked: {effect.table} is restricted by {name}")
            elif effect.column is None or any(sources.columns(key, effect.column)):
                raise _broken(each.rule, f"{name} must not be read")
            else:
                self._enforced.note(each.rule, f"checked: {name} is not read")

    def _restyle(self) -> None:
        for each in self._held:
            if isinstance(each.effect, AliasTables) and (count := alias_tables(self._tree, self._dialect)):
                self._enforced.note(each.rule, f"alias given to {_counted(count, 'table')}")
            elif isinstance(each.effect, RoundNumbers):
                decimals = each.effect.decimals
                if count := round_numbers(self._tree, decimals, self._schema):
                    self._enforced.note(
                        each.rule, f"{_counted(count, 'expression')} rounded to {_counted(decimals, 'decimal')}"
                    )

    def _scan(self) -> None:
        scans: dict[str, Scan] = {}
        texts: list[tuple[Rule, str, str]] = []
        for each in self._held:
            key = self._scanned_table(each.effect)
            table = None if key is None else find_table(self._schema, key)
            if key is None or table is None:
                continue
            scan = scans.get(key) or Scan(table)
            text = self._added(scan, each.effect)
            if text is not None:
                scans[key] = scan
                texts.append((each.rule, key, text))
        counts = rewrite(self._tree, self._dialect, scans)
        for rule, key, text in texts:
            count = counts[key]
            self._enforced.note(rule, text if count == 1 else f"{text} in {count} places")

    def _scanned_table(self, effect: Effect) -> str | None:
        """The key of the table whose scan the effect changes, if the statement reads it and could tell."""
        if not isinstance(effect, FilterRows | MaskColumn | ForbidReading):
            return None
        key = table_key(effect.table, self._dialect)
        if key not in self._read:
            return None
        if isinstance(effect, FilterRows):
            return key
        if effect.column is None or (isinstance(effect, MaskColumn) and effect.how == "none"):
            return None
        return key if may_see(self._tree, self._names(key), effect.column) else None

    def _names(self, key: str) -> set[str]:
        return {
            name for node, read in places(self._tree, self._dialect) if read == key for name in (node.name, node.alias)
        }

    def _added(self, scan: Scan, effect: Effect) -> str | None:
        match effect:
            case FilterRows():
                scan.filters.append(effect)
                shown = compared(exp.column(effect.column, table=effect.table), effect)
                return f"filter {render(shown, self._dialect)[:_MAX_DESCRIBED]} added"
            case MaskColumn():
                scan.masks[effect.column] = effect.how
                in_full = effect.how == "hash" and not hashes(self._dialect)
                how = "full, as the engine cannot hash" if in_full else effect.how
                return f"column {effect.table}.{effect.column} masked ({how})"
            case ForbidReading(column=str(column)):
                scan.hidden.add(column)
                return f"column {effect.table}.{column} left out"
            case _:
                return None

    def _limit(self) -> None:
        limits = [(each.rule, each.effect) for each in self._held if isinstance(each.effect, LimitRows)]
        # The maximum last: it holds whatever the default was.
        for rule, effect in sorted(limits, key=lambda pair: pair[1].mode):
            self._tree, is_set = limited(self._tree, effect)
            if is_set:
                self._enforced.note(rule, f"limited to {_counted(effect.rows, 'row')}")


def _broken(rule: Rule, what: str) -> RuleBroken:
    return RuleBroken(f"the rule {rule.rule_name!r} does not allow it: {what}")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"

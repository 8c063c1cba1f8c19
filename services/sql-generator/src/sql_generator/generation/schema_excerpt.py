"""The part of a schema that a question needs, when the whole is too long for a prompt."""

import math
import re
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from functools import cached_property, lru_cache

from contracts.sql_generator import DatabaseSchema, Table
from sql_generator.generation.model import GenerationContext
from sql_generator.generation.schema_text import table_text
from sql_generator.generation.words import words

CHARS_PER_TOKEN = 4

_SQL_NAME = re.compile(r"[^\W\d][\w$]*")
_TABLE_NAME_WEIGHT = 3.0
_COLUMN_NAME_WEIGHT = 1.0
_REMARK_WEIGHT = 0.5
_BACKGROUND_WEIGHT = 0.5
_NAMED_IN_FULL_BONUS = 10.0


@dataclass(frozen=True, slots=True)
class SchemaExcerpt:
    """The tables to show, in the schema's order and as text, and what is missing: tables by name, columns by number."""

    tables: tuple[Table, ...]
    texts: tuple[str, ...]
    tables_left_out: tuple[str, ...] = ()
    columns_left_out: tuple[tuple[str, int], ...] = ()


class _Index:
    """What every question needs to know of a schema, worked out at the first that does."""

    def __init__(self, schema: DatabaseSchema) -> None:
        self._schema = schema
        self.texts = {table.name: table_text(table, schema.dialect) for table in schema.tables}
        self.chars = sum(len(text) + 1 for text in self.texts.values())

    @cached_property
    def vocabularies(self) -> dict[str, dict[str, float]]:
        """The words of each table, with the weight of the most telling place a word stands in."""
        return {table.name: _vocabulary(table) for table in self._schema.tables}

    @cached_property
    def rarity(self) -> dict[str, float]:
        """The inverse document frequency of each word: ln(1 + tables / tables with the word)."""
        frequency = Counter(word for vocabulary in self.vocabularies.values() for word in vocabulary)
        return {word: math.log(1 + len(self.texts) / count) for word, count in frequency.items()}

    @cached_property
    def neighbours(self) -> dict[str, set[str]]:
        """The tables that a foreign key connects each table with."""
        found: dict[str, set[str]] = {name: set() for name in self.texts}
        for table in self._schema.tables:
            for key in table.foreign_keys:
                if key.target_table in found and key.target_table != table.name:
                    found[table.name].add(key.target_table)
                    found[key.target_table].add(table.name)
        return found


_indexed = lru_cache(maxsize=16)(_Index)


def excerpt(context: GenerationContext, token_budget: int) -> SchemaExcerpt:
    """The whole schema if its text fits `token_budget` (estimated at four characters a token), else the best of it.

    A table counts for the words that its name, columns and remarks share with the question, the knowledge, the
    memories and the examples, rare words more; a table that knowledge or an example names in full counts most;
    foreign-key neighbours take half of the score of up to two tables they connect. A best table too long by itself
    keeps its keys and the columns in question.
    """
    schema = context.schema
    index = _indexed(schema)
    budget = token_budget * CHARS_PER_TOKEN
    if index.chars <= budget:
        return SchemaExcerpt(schema.tables, tuple(index.texts.values()))

    tables = {table.name: table for table in schema.tables}
    kept: dict[str, tuple[Table, str]] = {}
    columns_left_out: list[tuple[str, int]] = []
    for table in (tables[name] for name in ranked_tables(context)):
        shown, text = table, index.texts[table.name]
        if not kept and len(text) > budget:
            shown = _narrowed(table, context, budget)
            text = table_text(shown, schema.dialect)
            if missing := len(table.columns) - len(shown.columns):
                columns_left_out.append((table.name, missing))
        if not kept or len(text) < budget:
            kept[table.name] = shown, text
            budget -= len(text) + 1
    in_order = [kept[table.name] for table in schema.tables if table.name in kept]
    return SchemaExcerpt(
        tables=tuple(shown for shown, _ in in_order),
        texts=tuple(text for _, text in in_order),
        tables_left_out=tuple(table.name for table in schema.tables if table.name not in kept),
        columns_left_out=tuple(columns_left_out),
    )


def ranked_tables(context: GenerationContext) -> tuple[str, ...]:
    """The names of all tables, the one that bears most on the question first."""
    relevance = _relevance(context, _indexed(context.schema))
    return tuple(sorted(relevance, key=lambda name: -relevance[name]))


def _relevance(context: GenerationContext, index: _Index) -> dict[str, float]:
    wanted = _wanted_words(context)
    in_full = _names_in_full(context)

    def own_score(name: str) -> float:
        vocabulary = index.vocabularies[name]
        shared = vocabulary.keys() & wanted.keys()
        named = not in_full.isdisjoint({name.casefold(), name.rpartition(".")[2].casefold()})
        score = sum(wanted[word] * vocabulary[word] * index.rarity[word] for word in shared)
        return score + (_NAMED_IN_FULL_BONUS if named else 0.0)

    own = {name: own_score(name) for name in index.texts}
    best_two = {name: sorted((own[near] for near in index.neighbours[name]), reverse=True)[:2] for name in own}
    return {name: own[name] + sum(best_two[name]) / 2 for name in own}


def _vocabulary(table: Table) -> dict[str, float]:
    remarks = [table.comment]
    for column in table.columns:
        remarks += [column.comment, *column.samples]
    vocabulary = dict.fromkeys(words(" ".join(remarks)), _REMARK_WEIGHT)
    vocabulary |= dict.fromkeys(words(" ".join(column.name for column in table.columns)), _COLUMN_NAME_WEIGHT)
    vocabulary |= dict.fromkeys(words(table.name), _TABLE_NAME_WEIGHT)
    return vocabulary


def _wanted_words(context: GenerationContext) -> dict[str, float]:
    background = [
        *context.knowledge.columns,
        *(memory.content for memory in context.memories),
        *(example.question for example in context.examples),
        *(turn.content for turn in context.turns),
    ]
    wanted = dict.fromkeys(words(" ".join(background)), _BACKGROUND_WEIGHT)
    return wanted | dict.fromkeys(words(context.question), 1.0)


def _names_in_full(context: GenerationContext) -> set[str]:
    """Names of tables as knowledge has them, and every name in the SQL of examples and turns."""
    known = [*context.knowledge.tables]
    for join in context.knowledge.joins:
        known += [join.left_table, join.right_table]
    known += _SQL_NAME.findall(" ".join(example.sql for example in context.examples))
    known += _SQL_NAME.findall(" ".join(turn.sql for turn in context.turns if turn.sql))
    return {name.casefold() for name in known}


def _narrowed(table: Table, context: GenerationContext, budget: int) -> Table:
    dialect = context.schema.dialect
    wanted = _wanted_words(context)
    keys = {name for key in table.foreign_keys for name in key.columns}
    keys |= {column.name for column in table.columns if column.primary_key}

    def telling(position: int) -> float:
        column = table.columns[position]
        shared = words(column.name) & wanted.keys()
        return math.inf if column.name in keys else sum(wanted[word] for word in shared)

    by_worth = sorted(range(len(table.columns)), key=lambda position: -telling(position))

    def with_best(count: int) -> Table:
        return table.model_copy(
            update={"columns": tuple(table.columns[position] for position in sorted(by_worth[:count]))}
        )

    fitting = bisect_right(
        range(1, len(by_worth)), budget, key=lambda count: len(table_text(with_best(count), dialect))
    )
    return with_best(max(1, fitting))

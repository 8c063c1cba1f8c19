"""A schema as the offline model looks things up in it: what each phrase may name, and how well it fits."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from contracts.sql_generator import Column, DatabaseSchema, Table
from sql_generator.generation import words as stems
from sql_generator.generation.offline.lexicon import DATE_TAILS, LIGHT_WORDS, NAME_WORDS, VAGUE_NOUNS
from sql_generator.generation.offline.naming import (
    Words,
    column_phrases,
    column_words,
    heard,
    rephrased,
    table_phrases,
    without_prepositions,
)
from sql_generator.generation.offline.tokens import lemma, name_words, stem, tokenize

ColumnType = Literal["number", "text", "date", "boolean"]

_KEY_WORDS = frozenset({"id", "no", "code", "number", "key", "by", "in", "of"})
_TYPE_WORDS: tuple[tuple[ColumnType, tuple[str, ...]], ...] = (
    ("boolean", ("bool", "bit")),
    ("date", ("date", "time")),
    ("text", ("interval", "point")),
    ("number", ("int", "num", "dec", "real", "double", "float", "money", "serial", "year")),
)
_SURE = 0.9
_SHORTEST_PREFIXED = 4
_SHORTEST_VERB = 4


@dataclass(frozen=True, slots=True)
class Candidate:
    """A thing of the schema that a phrase may name: a table, a column, or a value that a column is known to hold.

    `score` runs from 0 to 1: how well the phrase fits the name. `owned` says that the phrase named the table as well.
    """

    table: str
    column: str | None = None
    value: str | None = None
    score: float = 1.0
    owned: bool = False


def column_type(column: Column) -> ColumnType:
    """The kind of values a column holds, by its declared type; text when the type says nothing."""
    declared = column.type.lower()
    if declared.endswith("[]"):
        return "text"
    name = declared.partition("(")[0]  # what enum('date', 'decimal') lists are no types
    return next((kind for kind, words in _TYPE_WORDS if any(word in name for word in words)), "text")


class Catalogue:
    """What phrases may name in one schema. Looking up costs dictionary accesses; building is linear in the schema.

    `vocabulary` are the stems of the words of its names.
    """

    def __init__(self, schema: DatabaseSchema) -> None:
        self.schema = schema
        self.tables: dict[str, Table] = {table.name: table for table in schema.tables}
        self._columns: dict[tuple[str, str], Column] = {
            (table.name, column.name): column for table in schema.tables for column in table.columns
        }
        self._names: dict[Words, dict[tuple[str, str | None], Candidate]] = defaultdict(dict)
        self._values: dict[Words, dict[tuple[str, str], Candidate]] = defaultdict(dict)
        self._stems: dict[str, list[Candidate]] = defaultdict(list)
        self._known_words = {
            word for table in schema.tables for word in name_words(_bare(table.name)) if len(word) >= _SHORTEST_PREFIXED
        }
        names = (name for table in schema.tables for name in (table.name, *(one.name for one in table.columns)))
        self.vocabulary = frozenset(stems.words(" ".join(names)))
        self._roles = {stem(word) for table in schema.tables for word in _roles(table)}
        for table in schema.tables:
            self._index(table)
        self.longest = max(map(len, (*self._names, *self._values)), default=1)

    def tells_keys_apart(self, word: str) -> bool:
        """Whether a word says which of several keys to one table is meant (`approved_by`: "approved")."""
        return stem(word) in self._roles

    def names(self, words: Words) -> tuple[Candidate, ...]:
        """The tables and columns that the lemmas of a phrase may name, best first."""
        found = dict(self._names.get(words, {}))
        if len(words) > 1 and words[-1] in VAGUE_NOUNS and not found:
            return tuple(
                replace(candidate, score=candidate.score * 0.9)
                for candidate in self.names(words[:-1])
                if candidate.column is not None
            )
        for other, factor in rephrased(words):
            for key, candidate in self._names.get(other, {}).items():
                score = candidate.score * factor
                if key not in found or found[key].score < score:
                    found[key] = Candidate(candidate.table, candidate.column, None, score, candidate.owned)
        return tuple(sorted(found.values(), key=lambda candidate: -candidate.score))

    def verbs(self, word: str) -> tuple[Candidate, ...]:
        """The tables named for what the verb does (`enrolled`: `enrolments`)."""
        return tuple(self._stems.get(stem(word), ()))

    def values(self, lowered: Words) -> tuple[Candidate, ...]:
        """The sample values that a phrase spells, without regard to case."""
        return tuple(self._values.get(lowered, {}).values())

    def column(self, table: str, column: str) -> Column:
        """The column of that name."""
        return self._columns[table, column]

    def type_of(self, candidate: Candidate) -> ColumnType:
        """The kind of values the candidate's column holds."""
        return column_type(self._columns[candidate.table, candidate.column or ""])

    def samples(self, candidate: Candidate) -> tuple[str, ...]:
        """The values the candidate's column is known to hold."""
        return self._columns[candidate.table, candidate.column or ""].samples

    def key_of(self, table: str) -> tuple[str, ...]:
        """The primary key; empty when there is none."""
        return tuple(column.name for column in self.tables[table].columns if column.primary_key)

    def display_columns(self, table: str) -> tuple[str, ...]:
        """The columns that tell a person which row it is: its name, first and last name, else its key."""
        named: dict[Words, str] = {}
        for column in self.tables[table].columns:
            for words, score in column_phrases(name_words(_bare(table)), self._split(table, column.name)).items():
                if score >= _SURE:
                    named.setdefault(words, column.name)
        for word in NAME_WORDS:
            if (word,) in named and (word == "name" or not _is_number(self.column(table, named[word,]))):
                return (named[word,],)
        for first, last in ((("first", "name"), ("last", "name")), (("personal", "name"), ("family", "name"))):
            if first in named and last in named:
                return (named[first], named[last])
        own = "".join(name_words(_bare(table)))
        same = [column.name for column in self.tables[table].columns if "".join(name_words(column.name)) == own]
        return tuple(same[:1]) or self.key_of(table)

    def dates(self, table: str) -> tuple[Candidate, ...]:
        """The columns of a table that hold points in time."""
        return tuple(
            Candidate(table, column.name) for column in self.tables[table].columns if column_type(column) == "date"
        )

    def resolve_column(self, name: str, tables: Iterable[str] | None = None) -> tuple[Candidate, ...]:
        """The columns spelled exactly so, without regard to case, in `tables` or anywhere."""
        scope = self.tables if tables is None else tables
        return tuple(
            Candidate(table, column.name)
            for table in scope
            for column in self.tables[table].columns
            if column.name.lower() == name.lower()
        )

    def referenced(self, candidate: Candidate) -> str | None:
        """The table whose rows a column refers to."""
        for key in self.tables[candidate.table].foreign_keys:
            if key.columns == (candidate.column,) and key.target_table in self.tables:
                return key.target_table
        return None

    def parents(self, table: str) -> tuple[str, ...]:
        """The tables that the rows of a table refer to, nearest first; not the table itself."""
        found = [table]
        for here in found:
            for key in self.tables[here].foreign_keys:
                if key.target_table in self.tables and key.target_table not in found:
                    found.append(key.target_table)
        return tuple(found[1:])

    def table_named(self, name: str) -> str | None:
        """The table spelled so without regard to case and schema."""
        lowered = name.lower()
        return next((table for table in self.tables if lowered in {table.lower(), _bare(table).lower()}), None)

    def _index(self, table: Table) -> None:
        words = name_words(_bare(table.name))
        keys = {name_words(name) for name in self.key_of(table.name)}
        for phrase, score in table_phrases(words, keys).items():
            self._add(phrase, Candidate(table.name, None, None, score))
        for word in words:
            if len(word) >= _SHORTEST_VERB:
                self._stems[stem(word)].append(Candidate(table.name, None, None, 0.7 if len(words) > 1 else 0.85))
        for column in table.columns:
            split = self._split(table.name, column.name)
            for phrase, score in column_phrases(words, split).items():
                self._add(phrase, Candidate(table.name, column.name, None, score))
                if split[-1] in DATE_TAILS and any(word.endswith("ed") for word in phrase):
                    continue
                for owner, owner_score in table_phrases(words).items():
                    owned = Candidate(table.name, column.name, None, score * owner_score, owned=True)
                    self._add((*owner, *phrase), owned)
            for sample in column.samples:
                self._add_value(sample, Candidate(table.name, column.name, sample))

    def _add(self, words: Words, candidate: Candidate) -> None:
        for phrase in {words, heard(words), without_prepositions(words)} - {()}:
            known = self._names[phrase].get((candidate.table, candidate.column))
            if known is None or known.score < candidate.score:
                self._names[phrase][candidate.table, candidate.column] = candidate

    def _add_value(self, sample: str, candidate: Candidate) -> None:
        lowered = tuple(token.lower for token in tokenize(sample) if token.kind != "mark")
        if not lowered or (len(lowered) == 1 and (lowered[0] in LIGHT_WORDS or len(lowered[0]) == 1)):
            return
        cut_short = sample.endswith("…")
        if cut_short or all(word.isdigit() for word in lowered):
            return
        for words in {lowered, tuple(map(lemma, lowered))}:
            self._values[words].setdefault((candidate.table, candidate.column or ""), candidate)

    def _split(self, table: str, column: str) -> Words:
        return column_words(name_words(column), name_words(_bare(table)), self._known_words)


@lru_cache(maxsize=8)
def catalogue_of(schema: DatabaseSchema) -> Catalogue:
    """The catalogue of a schema; those of the latest schemas are not built again."""
    return Catalogue(schema)


def _roles(table: Table) -> Iterator[str]:
    """The words of the keys of which a table has several to one other."""
    targets = Counter(key.target_table for key in table.foreign_keys)
    for key in table.foreign_keys:
        if targets[key.target_table] > 1:
            words = {word for column in key.columns for word in name_words(column)}
            yield from words - set(name_words(_bare(key.target_table))) - _KEY_WORDS


def _bare(table: str) -> str:
    return table.rpartition(".")[2]


def _is_number(column: Column) -> bool:
    return column_type(column) == "number"

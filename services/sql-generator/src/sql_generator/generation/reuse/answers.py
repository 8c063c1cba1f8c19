"""Answers to questions that were answered before: the same one, with other literals, or in other words."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from sql_generator.domain.likeness import telling
from sql_generator.generation.model import Example
from sql_generator.generation.offline.catalogue import Catalogue
from sql_generator.generation.offline.definitions import Definition
from sql_generator.generation.offline.ellipsis import spelled_out
from sql_generator.generation.offline.linking import Item, link
from sql_generator.generation.offline.naming import Words
from sql_generator.generation.offline.tokens import tokenize
from sql_generator.generation.reuse.literals import replaced, template
from sql_generator.generation.reuse.moments import grows_old
from sql_generator.generation.reuse.sameness import agree_in_particulars, ask_the_same, without_opening, wording

PARAPHRASE_SIMILARITY = 0.7
"""Below this similarity of two questions (cosine, or shared words) one is not taken for the other in other words."""
ALIKE = 0.65
"""From this likeness on, a verified query whose question tells the same is taken to answer the new one."""

Kind = Literal["same", "literals", "paraphrase"]


@dataclass(frozen=True, slots=True)
class Reused:
    """A past answer taken for this question, and in which way the two questions are the same."""

    example: Example
    sql: str
    kind: Kind


class Reuse:
    """The past questions of one context, compared with the one that is asked now. Deprecated and stale ones are out."""

    def __init__(self, question: str, catalogue: Catalogue, terms: Mapping[Words, Definition]) -> None:
        self._question = question
        self._catalogue = catalogue
        self._terms = terms
        self._items = self._linked(question)

    def same(self, examples: Sequence[Example]) -> Reused | None:
        """The answer to the same question, verified ones first."""
        asked = wording(self._items)
        for example in self._usable(examples):
            if wording(self._linked(example.question)) == asked:
                return Reused(example, example.sql, "same")
        return None

    def with_other_literals(self, examples: Sequence[Example], *, known_only: bool = False) -> Reused | None:
        """The answer to the same question about other values, with the values replaced; see `replaced`."""
        words, slots = template(self._items)
        for example in self._usable(examples) if slots else ():
            old_words, old_slots = template(self._linked(example.question))
            tree = self._parsed(example.sql)
            if tree is None or without_opening(words) != without_opening(old_words):
                continue
            changed = replaced(tree, old_slots, slots, known_only=known_only)
            if changed is not None:
                return Reused(example, changed.sql(dialect=self._catalogue.schema.dialect), "literals")
        return None

    def paraphrase(self, examples: Sequence[Example]) -> Reused | None:
        """The answer to a question that asks for the same in other words."""
        for example in self._usable(examples):
            tree = self._parsed(example.sql)
            if tree is not None and (self._tells_the_same(example) or self._asks_the_same(example, tree)):
                return Reused(example, example.sql, "paraphrase")
        return None

    def with_sql(self, sql: str, examples: Sequence[Example]) -> Example | None:
        """The past question that this SQL answered, however it was spelled."""
        written = self._spelling(sql)
        return next((example for example in self._usable(examples) if self._spelling(example.sql) == written), None)

    def _tells_the_same(self, example: Example) -> bool:
        if example.trust != "verified" or example.likeness < ALIKE:
            return False
        names = self._catalogue.vocabulary
        if telling(self._question, names) != telling(example.question, names):
            return False
        return agree_in_particulars(self._items, self._linked(example.question))

    def _asks_the_same(self, example: Example, tree: exp.Query) -> bool:
        if example.similarity < PARAPHRASE_SIMILARITY:
            return False
        return ask_the_same(self._items, self._linked(example.question), _names_in(tree))

    def _spelling(self, sql: str) -> str:
        tree = self._parsed(sql)
        return sql if tree is None else tree.sql(dialect=self._catalogue.schema.dialect, normalize=True, comments=False)

    def _linked(self, question: str) -> list[Item]:
        return link(spelled_out(tokenize(question), self._catalogue), self._catalogue, self._terms)

    def _usable(self, examples: Iterable[Example]) -> list[Example]:
        usable = [example for example in examples if example.trust in {"verified", "candidate"}]
        current = [example for example in usable if not self._outdated(example)]
        return sorted(current, key=lambda example: example.trust != "verified")

    def _outdated(self, example: Example) -> bool:
        return grows_old(example.sql, self._catalogue.schema.dialect, f"{self._question} {example.question}")

    def _parsed(self, sql: str) -> exp.Query | None:
        try:
            tree = sqlglot.parse_one(sql, dialect=self._catalogue.schema.dialect)
        except SqlglotError:
            return None
        return tree if isinstance(tree, exp.Query) else None


def _names_in(tree: exp.Query) -> set[str]:
    tables = {table.name.lower() for table in tree.find_all(exp.Table)}
    return tables | {column.name.lower() for column in tree.find_all(exp.Column)}

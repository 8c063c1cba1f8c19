"""Join paths on public databases with gold SQL, where they are at hand: SPIDERMAN_DEV, or shared/ beside the project."""

import json
import os
import sqlite3
from collections import Counter, defaultdict
from pathlib import Path
from uuid import uuid4

import pytest

from contracts.identity import Identity
from contracts.sql_generator import Column, ForeignKey, Table
from entity_extractor.domain.graph import ColumnRef, Join, SourceKey
from entity_extractor.domain.meaning import meant
from entity_extractor.domain.mentions import Vocabulary
from entity_extractor.domain.paths import JoinEdge, JoinGraph
from entity_extractor.domain.schema_graph import _entities, _foreign_keys, column_node, table_node
from entity_extractor.domain.synonyms import Asked, asked_alike, synonyms
from entity_extractor.domain.words import question_words
from entity_extractor.extraction import extract

DATA = Path(os.environ.get("SPIDERMAN_DEV") or Path(__file__).parents[5] / "shared" / "data" / "spiderman-dev")
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the databases are not here")
KEY = SourceKey(Identity("acme", "ada"), uuid4())
MOST_TABLES = 20


class Database:
    """A database with what the graph knows of it, and its questions with what their gold SQL uses."""

    def __init__(self, name, questions):
        with sqlite3.connect(f"file:{DATA}/databases/{name}.sqlite?mode=ro", uri=True) as connection:
            self.tables = read_tables(connection)
        columns_of = {table.name: [column.name for column in table.columns] for table in self.tables}
        source = type("Source", (), {"name": name})
        self.entities = {each.entity_id: each for each in _entities(KEY, source, "sqlite", self.tables)}
        self.keys = {each.context for each in _foreign_keys(KEY, self.tables)}
        self.edges = [
            JoinEdge(each.source_name, each.target_name, each.context, 1.0) for each in _foreign_keys(KEY, self.tables)
        ]
        self.vocabulary = Vocabulary(word for each in self.entities.values() for word in each.words)
        self.questions = [self._question(each, columns_of) for each in questions]

    def _question(self, question, columns_of):
        facts = extract(question["sql_sqlite"], "sqlite", columns_of)
        joining = {column for join in facts.joins for pair in join.pairs for column in pair}
        nodes = [*map(table_node, facts.tables), *map(column_node, facts.columns - joining)]
        asked = Asked(question_words(question["question"]), frozenset(KEY.entity_id(node) for node in nodes))
        return question, facts, joining, asked

    def suggested(self, tables, learned=()):
        """The conditions of the joins that are suggested for tables."""
        graph = JoinGraph([*self.edges, *learned])
        return {join.condition for join in graph.between(graph.connected(tables, limit=MOST_TABLES))}

    def named(self, words):
        found = [each for each in self.entities.values() if each.words and set(each.words) <= words]
        of_source = [each for each in found if each.node.entity_type in {"table", "column"}]
        order = {"table": 0, "column": 1}
        return sorted(of_source, key=lambda e: (order[e.node.entity_type], -len(e.words), e.node.entity_name))

    def meant(self, asked, others):
        """The tables that a question means, after other questions were asked and their queries executed."""
        words = self.vocabulary.corrected(asked.words)
        ids = [*(each.entity_id for each in synonyms(words, others)), *sorted(asked_alike(words, others))]
        further = [self.entities[each] for each in ids]
        tables = [each.properties.get("table", each.node.entity_name) for each in further]
        return tuple(dict.fromkeys([*meant(self.named(words)).tables, *tables]))[:MOST_TABLES]


def read_tables(connection):
    names = [
        name
        for (name,) in connection.execute(
            "select name from sqlite_master where type in ('table', 'view') and name not like 'sqlite_%'"
        )
    ]
    info = {name: connection.execute(f'pragma table_info("{name}")').fetchall() for name in names}
    by_lower = {name.lower(): name for name in names}

    def spelled(table, column):
        return next((each[1] for each in info[table] if each[1].lower() == column.lower()), column)

    tables = []
    for name in names:
        keys = defaultdict(list)
        for key_id, _, target, here, there, *_ in connection.execute(f'pragma foreign_key_list("{name}")'):
            keys[key_id].append((by_lower.get(target.lower(), target), here, there))
        foreign = []
        for pairs in keys.values():
            target = pairs[0][0]
            primary = [each[1] for each in sorted(info.get(target, ()), key=lambda each: each[5]) if each[5]]
            there = [pair[2] for pair in pairs] if pairs[0][2] else primary
            foreign.append(
                ForeignKey(
                    columns=tuple(spelled(name, pair[1]) for pair in pairs),
                    target_table=target,
                    target_columns=tuple(spelled(target, each) for each in there if target in info),
                )
            )
        columns = tuple(Column(name=each[1], type=each[2]) for each in info[name])
        tables.append(Table(name=name, columns=columns, foreign_keys=tuple(foreign)))
    return tables


@pytest.fixture(scope="module")
def databases():
    questions = defaultdict(list)
    for each in json.loads((DATA / "questions.json").read_text(encoding="utf-8")):
        questions[each["db_id"]].append(each)
    return [Database(name, found) for name, found in sorted(questions.items())]


def joining_questions(databases):
    for database in databases:
        for number, (_, facts, joining, asked) in enumerate(database.questions):
            if facts.joins:
                yield database, number, facts, joining, asked


def share(outcomes):
    found = list(outcomes)
    return sum(found) / len(found)


def test_foreign_keys_are_reproduced_exactly(databases):
    declared = 0
    for database in databases:
        expected = set()
        for table in database.tables:
            for key in table.foreign_keys:
                pairs = zip(key.columns, key.target_columns, strict=True)
                expected.add(
                    Join.on(
                        [(ColumnRef(table.name, here), ColumnRef(key.target_table, there)) for here, there in pairs]
                    )
                )
        assert database.keys == {join.condition for join in expected if join}
        declared += len(database.keys)
    assert declared > 100


def test_the_path_between_the_tables_of_a_query_holds_its_joins(databases):
    """All of its tables are given; then only those whose columns it shows, filters or groups by."""
    complete, between = [], []
    for database, _, facts, joining, _ in joining_questions(databases):
        conditions = {join.condition for join in facts.joins}
        if conditions <= database.keys:
            complete.append(conditions <= database.suggested(sorted(facts.tables)))
            ends = sorted({column.table for column in facts.columns - joining})
            if len(ends) > 1:
                between.append(conditions <= database.suggested(ends))
    assert share(complete) >= 0.95
    assert share(between) >= 0.95


def test_after_the_other_queries_were_executed_the_context_of_a_question_holds_its_joins(databases):
    """From the words of the question alone, with and without keys."""
    before, after = [], []
    for database, number, facts, _, asked in joining_questions(databases):
        conditions = {join.condition for join in facts.joins}
        others = [each for place, each in enumerate(database.questions) if place != number]
        uses = Counter(join for _, other, _, _ in others for join in other.joins)
        learned = [
            JoinEdge(*join.tables, join.condition, 1 - 0.5**count)
            for join, count in uses.items()
            if join.condition not in database.keys
        ]
        before.append(conditions <= database.suggested(database.meant(asked, [])))
        tables = database.meant(asked, [each for *_, each in others])
        after.append(conditions <= database.suggested(tables, learned))
    assert share(before) >= 0.7
    assert share(after) >= 0.97

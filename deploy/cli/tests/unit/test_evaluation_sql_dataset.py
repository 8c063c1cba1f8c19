"""A folder of databases and questions."""

import json
import sqlite3

import pytest

from memori_cli.evaluation.dataset import DatasetError
from memori_cli.evaluation.text2sql.dataset import read


@pytest.fixture
def folder(tmp_path):
    """Makes a folder with one database and some questions of it."""

    def make(*golds, database="shop", **fields):
        (tmp_path / "databases").mkdir(exist_ok=True)
        with sqlite3.connect(tmp_path / "databases" / f"{database}.sqlite") as connection:
            connection.execute("create table if not exists items (name text, price real, picture blob)")
            connection.execute("insert into items values ('pen', 1.5, x'00ff'), (cast(x'ff41' as text), null, null)")
        connection.close()
        questions = [
            {"id": f"q{number}", "db_id": database, "question": "What?", "sql_sqlite": gold} | fields
            for number, gold in enumerate(golds)
        ]
        (tmp_path / "questions.json").write_text(json.dumps(questions))
        return tmp_path

    return make


def test_a_question_has_the_rows_of_its_gold_sql_as_the_api_would_write_them(folder):
    suite = read(folder("SELECT * FROM items ORDER BY price DESC"))
    (question,) = suite.questions
    assert question.gold_rows == [("pen", 1.5, "\\x00ff"), ("\ufffdA", None, None)]
    assert (question.difficulty, question.is_ordered) == ("easy", True)
    assert suite.databases["shop"].is_file()


def test_gold_sql_that_does_not_run_is_left_out_and_counted(folder):
    suite = read(folder("SELECT name FROM items", "SELECT nothing FROM nowhere", "SELECT ((", "DELETE FROM items"))
    assert (len(suite.questions), suite.unusable) == (1, 3)
    assert len(read(folder("SELECT name FROM items")).questions[0].gold_rows) > 0  # nothing was deleted


def test_gold_sql_that_returns_more_than_an_answer_holds_is_left_out(folder):
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) SELECT i FROM n"
    suite = read(folder(many.format(1_000), many.format(1_001)))
    assert (len(suite.questions), suite.unusable) == (1, 1)


def test_a_limit_draws_the_same_of_each_database_and_paraphrases_together(folder):
    golds = [f"SELECT {number // 2}" for number in range(20)]
    drawn = [read(folder(*golds), limit=6).questions for _ in range(2)]
    assert [question.id for question in drawn[0]] == [question.id for question in drawn[1]]
    assert len({question.gold_sql for question in drawn[0]}) == 3
    assert [question.id for question in drawn[0]] != [f"q{number}" for number in range(6)]


@pytest.mark.parametrize(
    ("fields", "said"),
    [({"db_id": "../secret"}, "0.db_id"), ({"question": ""}, "0.question"), ({"sql_sqlite": None}, "0.sql_sqlite")],
)
def test_a_malformed_question_is_named(folder, fields, said):
    with pytest.raises(DatasetError, match=said):
        read(folder("SELECT 1", **fields))


def test_what_is_missing_is_named(folder, tmp_path):
    with pytest.raises(DatasetError, match=r"elsewhere/questions\.json: No such file"):
        read(tmp_path / "elsewhere")
    with pytest.raises(DatasetError, match=r"gone\.sqlite: there is no such file"):
        read(folder("SELECT 1", db_id="gone"))
    with pytest.raises(DatasetError, match="nothing can be measured"):
        read(folder("SELECT nothing"))

"""`memori eval sql` against the whole system: a small folder of databases, asked, taught and asked again."""

import json
import sqlite3

import pytest
from typer.testing import CliRunner

from memori_cli.main import app
from memori_client import Memori

PETS = """
create table owners (owner_id integer primary key, name text, city text);
create table pets (pet_id integer primary key, owner_id integer references owners, name text, weight real);
insert into owners values (1, 'Ada', 'Oslo'), (2, 'Eve', 'Rome'), (3, 'Zoe', 'Oslo');
insert into pets values (1, 1, 'Rex', 4.5), (2, 1, 'Tom', 2.5), (3, 2, 'Kit', 3.5);
"""
HEFT = "SELECT SUM(weight) / COUNT(DISTINCT owner_id) FROM pets"
QUESTIONS = (
    ("How many owners are there?", "SELECT COUNT(*) FROM owners"),
    ("What is the number of owners?", "SELECT COUNT(*) FROM owners"),
    ("What is the pet burden of the town folk?", HEFT),
    ("How large is the pet burden of the town folk?", HEFT),
    ("List the names of all pets", "SELECT name FROM pets"),
    ("Is there a frobnicated wombat?", "SELECT 'no' WHERE 1 = 0"),
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "databases").mkdir()
    with sqlite3.connect(tmp_path / "databases" / "pets.sqlite") as connection:
        connection.executescript(PETS)
    connection.close()
    written = [
        {"id": str(number), "db_id": "pets", "question": question, "sql_sqlite": sql}
        for number, (question, sql) in enumerate(QUESTIONS)
    ]
    (tmp_path / "questions.json").write_text(json.dumps(written))
    tmp_path.chmod(0o711)
    return tmp_path


def evaluate(folder, stack, *options):
    arguments = ["eval", "sql", str(folder), "--url", stack.gateway_url, "--json", str(folder / "found.json")]
    result = CliRunner().invoke(app, [*arguments, *map(str, options)])
    assert result.exit_code == 0, result.output
    return result.stdout, json.loads((folder / "found.json").read_text())


def test_questions_are_asked_run_and_compared(folder, offline_stack):
    shown, found = evaluate(folder, offline_stack)
    assert "Execution accuracy of offline" in shown
    overall = found["accuracy"]["overall"]
    assert overall["questions"] == 6
    assert 0.5 <= overall["right"] < 1  # both counts and the names
    assert overall["abstained"] > 0
    assert (found["gold_refused_by_guard"], found["tokens_per_question"], found["cost_usd"]) == (0, 0, 0)


def test_the_same_evaluation_finds_the_same(folder, offline_stack):
    one, other = (evaluate(folder, offline_stack)[1] for _ in range(2))
    assert one["accuracy"] == other["accuracy"]


def test_what_was_taught_is_answered_in_other_words_and_drawn(folder, offline_stack, tmp_path):
    _, found = evaluate(folder, offline_stack, "--learn", 3, "--plot", tmp_path / "plots")
    before, *_, after = found["learning"]
    assert [taught["pairs"] for taught in found["learning"]] == [0, 1, 2, 3]
    assert before["same_sql"] == 0 < after["same_sql"]
    assert after["accuracy"]["right"] >= before["accuracy"]["right"]
    context = found["context"]
    assert (context["tables"], context["columns"]) == (1, 1)  # the schema is small: all of it is shown
    assert context["retrievable"] > 0
    assert 0 < context["first"] <= context["among_five"] == 1
    assert {path.suffix for path in (tmp_path / "plots").iterdir()} == {".svg", ".png"}


def test_nothing_of_the_made_up_users_is_left(folder, offline_stack, monkeypatch):
    users = []
    as_user = Memori.as_user
    monkeypatch.setattr(Memori, "as_user", lambda self, user_id: users.append(user_id) or as_user(self, user_id))
    evaluate(folder, offline_stack)
    monkeypatch.undo()
    with Memori(offline_stack.gateway_url) as memori:
        assert users
        for user_id in users:
            assert memori.as_user(user_id).data_sources() == []


def test_a_plot_without_learning_is_refused(folder):
    result = CliRunner().invoke(app, ["eval", "sql", str(folder), "--plot", str(folder)])
    assert result.exit_code == 2
    assert "--learn" in result.output

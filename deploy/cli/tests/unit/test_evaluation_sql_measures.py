"""What is measured, and how it is shown."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from memori_cli.evaluation.options import EvaluationError
from memori_cli.evaluation.text2sql import plot
from memori_cli.evaluation.text2sql.dataset import Question, Suite
from memori_cli.evaluation.text2sql.evaluate import Findings
from memori_cli.evaluation.text2sql.measures import Outcome, Shown, Taught, accuracy, checkpoints, context
from memori_cli.evaluation.text2sql.report import as_json, print_tables, write_json


def question(difficulty="easy", sql="SELECT 1"):
    return Question("q", "shop", "What?", sql, [(1,)], difficulty, is_ordered=False)


def outcome(status="executed", *, right=False, difficulty="easy", seconds=0.1, cost=0.0):
    return Outcome(question(difficulty), status, "offline", right, seconds, tokens=10, cost=cost)


OUTCOMES = [
    *(outcome(right=True, seconds=0.1) for _ in range(5)),
    outcome(difficulty="extra", seconds=0.3),
    *(outcome("abstained", difficulty="extra") for _ in range(3)),
    outcome("failed", difficulty="extra"),
]
LEARNING = [
    Taught(pairs, accuracy([outcome(right=n < right) for n in range(10)]), same_sql=right / 20)
    for pairs, right in ((0, 4), (1, 5), (2, 7))
]

TAUGHT = [question(sql=f"SELECT {number}") for number in range(3)]
SCHEMA = {"Orders": ["id", "total"], "items": ["id"]}
SHOWN = [
    Shown(question(sql="SELECT 0"), TAUGHT, SCHEMA, ("orders",), ("orders.total", "ID")),
    Shown(question(sql="SELECT 2"), TAUGHT, SCHEMA, ("orders", "gone"), ("orders.id", "items.total")),
    Shown(question(sql="SELECT 9"), TAUGHT, SCHEMA, ("items",), ()),
    Shown(question(sql="SELECT 1"), [], SCHEMA, ("items",), ("items.id",)),
]


def findings(outcomes=OUTCOMES, learning=LEARNING, refused=(), unusable=0):
    suite = Suite("shops", {"shop": Path("shop")}, tuple(one.question for one in outcomes), unusable)
    return Findings(suite, outcomes, learning, context(SHOWN, TAUGHT), refused)


def test_accuracy_counts_all_questions_and_precision_those_answered():
    measured = accuracy(OUTCOMES)
    assert (measured.questions, measured.right, measured.answered, measured.abstained) == (10, 0.5, 0.6, 0.3)
    assert measured.precision == 5 / 6


def test_where_nothing_is_answered_nothing_is_right():
    assert accuracy([outcome("abstained")]).precision == 0


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [(0, [0]), (1, [0, 1]), (3, [0, 1, 2, 3]), (20, [0, 1, 2, 5, 10, 20]), (60, [0, 1, 2, 5, 10, 20, 50, 60])],
)
def test_learning_is_measured_after_rounder_numbers_the_more_there_are(pairs, expected):
    assert checkpoints(pairs) == expected


def test_what_is_shown_is_measured_against_what_the_gold_sql_reads():
    found = context(SHOWN, TAUGHT)
    assert (found.tables, found.columns) == ((1 + 0.5 + 1 + 1) / 4, (1 + 0.5 + 1 + 1) / 4)


def test_a_past_query_counts_where_its_sql_was_taught():
    found = context(SHOWN, TAUGHT)
    assert (found.retrievable, found.first, found.among_five) == (3, 1 / 3, 2 / 3)
    assert context(SHOWN, []).retrievable == 0


def test_the_tables_show_each_difficulty_there_is_and_what_was_learned(capsys):
    print_tables(findings(refused=[question()], unusable=2))
    shown = capsys.readouterr().out
    assert "Execution accuracy of offline" in shown
    assert [line.split("│")[1].strip() for line in shown.splitlines() if "%" in line and "│" in line] == [
        *("easy", "extra", "overall"),
        *("0", "1", "2"),
    ]
    assert "100.0 %" in shown
    assert "10 questions about 1 databases, 2 left out because their gold SQL does not run" in shown
    assert "gold SQL refused by the guard: 10.0 %" in shown
    assert "shown: 87.5 % of tables, 87.5 % of columns" in shown
    assert "of 3 questions whose SQL was taught with another, it came first for 33.3 %" in shown
    assert "p50 100 ms, p95 300 ms; 10 tokens a question, $0.00 in all" in shown


def test_a_price_that_is_not_known_is_no_zero(capsys):
    print_tables(findings([outcome(cost=0.25), outcome(cost=None)]))
    assert "at prices that are not known" in capsys.readouterr().out


def test_json_has_shares_from_zero_to_one(tmp_path):
    write_json(findings(), tmp_path / "found.json")
    found = json.loads((tmp_path / "found.json").read_text())
    assert found == json.loads(json.dumps(as_json(findings())))
    assert found["accuracy"]["overall"]["right"] == 0.5
    assert [taught["accuracy"]["right"] for taught in found["learning"]] == [0.4, 0.5, 0.7]
    assert (found["gold_refused_by_guard"], found["cost_usd"]) == (0, 0)


def test_a_file_for_json_that_cannot_be_written_is_said_so(tmp_path):
    with pytest.raises(EvaluationError, match="Is a directory"):
        write_json(findings(), tmp_path)


def test_the_learning_curve_is_drawn_with_its_numbers(tmp_path):
    svg, png = plot.write(LEARNING, tmp_path, name="shops & $x")
    assert (svg.name, png.name) == ("sql_learning_shops_x.svg", "sql_learning_shops_x.png")
    shown = {"".join(text.itertext()) for text in ET.parse(svg).iter("{http://www.w3.org/2000/svg}text")}
    assert {"40.0", "50.0", "70.0", "right, of all"} <= shown
    assert "shops & $x: the same 10 other questions at each step" in shown
    first = svg.read_bytes(), png.read_bytes()
    assert first == tuple(path.read_bytes() for path in plot.write(LEARNING, tmp_path, name="shops & $x"))

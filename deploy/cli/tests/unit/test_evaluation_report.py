"""What is printed: tables for people, JSON for programs."""

import json

import pytest

from memori_cli.evaluation.ablation import ALONE, FULL, LEFT_OUT, ablated
from memori_cli.evaluation.dataset import Dataset, Slips
from memori_cli.evaluation.metrics import Answer
from memori_cli.evaluation.report import Findings, Scope, points, print_json, print_tables, warnings

SCOPE = Scope(
    conversations=2,
    users=2,
    turns=24,
    skipped_turns=1,
    unread_times=0,
    unknown_evidence=3,
    skipped_questions=1,
    searchable_seconds=1.5,
)


def answer(found, file="one", category="c", *, degraded=False):
    return Answer(file, category, frozenset("ab"), tuple(found), seconds=0.01, degraded=degraded)


def findings(*answers, varied=(), scope=SCOPE):
    rows = ablated({FULL: answers, **dict(varied)}) if varied else []
    return Findings(answers=answers, ablation=rows, scope=scope)


@pytest.mark.parametrize(
    ("difference", "shown"), [(0.0123, "+1.2"), (-0.1, "−10.0"), (0, "0.0"), (-0.0004, "0.0"), (1, "+100.0")]
)
def test_a_difference_is_shown_in_points_with_its_sign(difference, shown):
    assert points(difference) == shown


def test_one_file_has_one_table(capsys):
    print_tables(findings(answer("ab"), answer("xa", category="d")))
    shown = capsys.readouterr().out
    assert shown.count("Evidence turns found") == 1
    assert "75.0 %" in shown
    assert "0.750" in shown
    assert "24 turns of 2 conversations held by 2 users, 1 questions without evidence left out" in shown
    assert "contribute" not in shown


def test_several_files_have_a_table_each_and_one_of_all(capsys):
    print_tables(findings(answer("ab"), answer("", file="two [x]")))
    shown = capsys.readouterr().out
    assert "Evidence turns found: one" in shown
    assert "Evidence turns found: two [x]" in shown
    assert shown.count("overall") == 3


def test_the_variants_are_a_table_with_the_difference_to_the_full_score(capsys):
    varied = {LEFT_OUT[0]: [answer("a")], ALONE[1]: [answer("", degraded=True)]}
    print_tables(findings(answer("ab"), varied=varied))
    shown = capsys.readouterr().out
    assert "without text" in shown
    assert "−50.0" in shown
    assert "vector alone: degraded answers 100.0%" in shown


def test_json_holds_the_scope_the_files_and_the_variants(capsys):
    varied = {ALONE[0]: [answer("ab"), answer("x", file="two")]}
    print_json(findings(answer("ab"), answer("xa", file="two"), varied=varied))
    found = json.loads(capsys.readouterr().out)
    assert (found["turns"], found["skipped_turns"], found["unknown_evidence"]) == (24, 1, 3)
    assert found["overall"]["recall@10"] == 0.75
    assert found["files"]["two"]["overall"]["mrr"] == 0.5
    assert [row["variant"] for row in found["ablation"]] == ["full score", "text alone"]
    alone = found["ablation"][1]
    assert set(alone["without"]) == {"vector", "neighbours", "conversation", "importance", "recency"}
    assert alone["recall@10_difference"] == -0.25
    assert alone["categories"]["c"]["questions"] == 2


def test_json_without_variants_and_with_one_file_holds_neither(capsys):
    print_json(findings(answer("ab")))
    assert {"files", "ablation"}.isdisjoint(json.loads(capsys.readouterr().out))


def test_each_kind_of_slip_is_one_line_and_nothing_is_said_without_any():
    slips = Slips(empty_turns=2, unknown_evidence=1, unread_times=1_200, unread_time="once")
    shown = list(warnings(Dataset("d", (), slips)))
    assert len(shown) == 3
    assert any("1,200" in line and "'once'" in line for line in shown)
    assert not list(warnings(Dataset("d", (), Slips(0, 0, 0, None))))

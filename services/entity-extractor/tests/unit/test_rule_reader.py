"""What the rules read, on turns written by hand: the report is a golden file, so that a change is a diff.

The rules were written with `turns.jsonl` in view; `turns_held_out.jsonl` only measures.
"""

import json
import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entity_extractor.domain.rule_reader import read

GOLDEN = Path(__file__).parents[1] / "golden"
SETS = ("turns", "turns_held_out")


def turns(name):
    return [json.loads(line) for line in (GOLDEN / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def folded(statements):
    return {tuple(part.casefold() for part in statement) for statement in statements}


def report(name):
    counts, by_kind = Counter(), {}
    for turn in turns(name):
        expected = folded(turn["facts"])
        found = folded((s.kind, s.subject, s.predicate, s.object) for s in read(turn["turn"]))
        counts["turns"] += 1
        counts["turns_without_facts"] += not expected
        for outcome, facts in {
            "found": found & expected,
            "wrong": found - expected,
            "missed": expected - found,
        }.items():
            counts[outcome] += len(facts)
            for kind, *_ in facts:
                by_kind.setdefault(kind, {"found": 0, "wrong": 0, "missed": 0})[outcome] += 1
    return {
        **{key: counts[key] for key in ("turns", "turns_without_facts", "found", "wrong", "missed")},
        "precision": round(counts["found"] / (counts["found"] + counts["wrong"]), 3),
        "recall": round(counts["found"] / (counts["found"] + counts["missed"]), 3),
        "by_kind": dict(sorted(by_kind.items())),
    }


def test_the_report_on_the_turns_is_the_golden_one():
    path = GOLDEN / "reader_report.json"
    text = json.dumps({name: report(name) for name in SETS}, indent=2) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text, "the rules read otherwise than reported: `make golden`"


@pytest.mark.parametrize("name", SETS)
def test_what_is_read_was_said(name):
    assert report(name)["precision"] >= 0.95


@given(st.text(max_size=400))
def test_any_text_can_be_read(text):
    for statement in read(text):
        assert statement.subject
        assert 0 < len(statement.object) <= 500


@given(
    st.lists(st.sampled_from(["I ", "am ", "always ", "prefer ", "means ", "of ", "and ", "a ", "SQL, ", "B", "' "]))
)
def test_a_text_of_the_words_that_rules_look_for_is_read_at_once(words):
    read("".join(words) * 50)


@pytest.mark.parametrize(
    "frame", ["Translate: {}", "If {}, then what?", "> {}", "```\n{}\n```", "She said: {}", "What if {}?", "Maybe {}"]
)
def test_what_is_cited_imagined_or_asked_states_nothing(frame):
    for said in ("I live in Berlin", "My name is Ada", "always exclude test accounts", "I prefer bar charts"):
        assert read(frame.format(said)) == []

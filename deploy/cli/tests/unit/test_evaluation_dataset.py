"""Reading an evaluation file: what is right comes through unchanged, what is wrong is named by line and field."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memori_cli.evaluation.dataset import Conversation, DatasetError, read

TURN = {"id": "t1", "speaker": "Ada", "text": "Revenue is net of returns", "time": "2025-03-01T10:00:00+01:00"}
QUESTION = {"question": "What is revenue?", "evidence": ["t1"], "category": "definition"}
LINE = {"conversation": "c1", "turns": [TURN], "questions": [QUESTION]}

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
ids = st.lists(texts.filter(bool), min_size=1, max_size=6, unique=True)


@pytest.fixture
def written(tmp_path):
    def write(*lines):
        path = tmp_path / "data.jsonl"
        path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), "utf-8")
        return path

    return write


def test_a_file_is_read_as_it_is_written(written):
    (conversation,) = read(written(LINE, ""))
    assert conversation.model_dump(mode="json") == LINE


def test_the_time_may_be_left_out_and_a_category_may_be_a_number(written):
    turn = {key: value for key, value in TURN.items() if key != "time"}
    (conversation,) = read(written(LINE | {"turns": [turn], "questions": [QUESTION | {"category": 4}]}))
    assert conversation.turns[0].time is None
    assert conversation.questions[0].category == "4"


def test_fields_nobody_asked_for_are_passed_over(written):
    assert len(read(written(LINE | {"source": "somewhere"}))) == 1


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ("{", r"line 2: Invalid JSON"),
        ("[]", r"line 2: .*object"),
        ({}, r"line 2: conversation: Field required"),
        (LINE | {"conversation": 7}, r"line 2: conversation: .*string"),
        (LINE | {"turns": []}, r"line 2: turns: .*at least 1"),
        (LINE | {"turns": [TURN | {"id": 1}]}, r"line 2: turns\.0\.id: .*string"),
        (LINE | {"turns": [TURN | {"text": None}]}, r"line 2: turns\.0\.text: .*string"),
        (LINE | {"turns": [TURN | {"text": "a\x00b"}]}, r"line 2: turns\.0\.text: .*NUL"),
        (LINE | {"turns": [TURN | {"time": "yesterday"}]}, r"line 2: turns\.0\.time: .*isoformat"),
        (LINE | {"turns": [TURN, TURN]}, r'line 2: turns\.1\.id: "t1" names an earlier turn already'),
        (LINE | {"questions": [QUESTION | {"question": ""}]}, r"line 2: questions\.0\.question: .*at least 1"),
        (
            LINE | {"questions": [QUESTION, QUESTION | {"evidence": ["t1", "{x}"]}]},
            r'line 2: questions\.1\.evidence\.1: no turn has the id "\{x\}"',
        ),
        (LINE | {"conversation": "first"}, r'line 2: conversation: "first" is on line 1 already'),
    ],
)
def test_a_malformed_line_is_named_with_its_field(written, wrong, complaint):
    with pytest.raises(DatasetError, match=complaint):
        read(written(LINE | {"conversation": "first"}, wrong))


def test_bytes_that_are_not_utf_8_are_a_malformed_line(tmp_path):
    path = tmp_path / "data.jsonl"
    path.write_bytes(b'{"conversation": "\xff"}')
    with pytest.raises(DatasetError, match="line 1: Invalid JSON"):
        read(path)


def test_a_file_that_is_not_there_is_an_error_with_its_name(tmp_path):
    with pytest.raises(DatasetError, match=r"absent\.jsonl: No such file"):
        read(tmp_path / "absent.jsonl")


def test_questions_without_any_evidence_measure_nothing(written):
    with pytest.raises(DatasetError, match="no question names evidence"):
        read(written(LINE | {"questions": [QUESTION | {"evidence": []}]}))


@given(ids, st.data())
def test_a_changed_turn_changes_the_digest_and_changed_questions_do_not(turn_ids, data):
    turns = [{"id": turn_id, "speaker": "Ada", "text": data.draw(texts)} for turn_id in turn_ids]
    line = {"conversation": "c", "turns": turns, "questions": []}

    def digest(value):
        return Conversation.model_validate_json(json.dumps(value)).digest

    changed = data.draw(st.integers(0, len(turns) - 1))
    other = [turn | {"text": turn["text"] + "!"} if i == changed else turn for i, turn in enumerate(turns)]
    assert digest(line | {"turns": other}) != digest(line)
    asked = [{"question": "q", "evidence": [turn_ids[0]], "category": "c"}]
    assert digest(line | {"questions": asked}) == digest(line)

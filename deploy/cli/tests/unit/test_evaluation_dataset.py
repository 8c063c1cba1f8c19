"""Reading an evaluation file: what is right comes through unchanged, slips are counted, what is wrong is named."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memori_cli.evaluation.dataset import Conversation, DatasetError, common_name, read, read_all

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


def conversations(path):
    return read(path, "d").conversations


def test_a_file_is_read_as_it_is_written(written):
    (conversation,) = conversations(written(LINE, ""))
    assert conversation.model_dump(mode="json") == LINE


def test_the_time_may_be_left_out_and_a_category_may_be_a_number(written):
    turn = {key: value for key, value in TURN.items() if key != "time"}
    (conversation,) = conversations(written(LINE | {"turns": [turn], "questions": [QUESTION | {"category": 4}]}))
    assert conversation.turns[0].time is None
    assert conversation.questions[0].category == "4"


def test_fields_nobody_asked_for_are_passed_over(written):
    assert len(conversations(written(LINE | {"source": "somewhere"}))) == 1


@pytest.mark.parametrize("time", ["once", "", None, 7, 1.5, True, [2025], {"year": 2025}, "a\x00b", "x" * 200])
def test_no_time_is_a_reason_to_refuse_a_file(written, time):
    dataset = read(written(LINE | {"turns": [TURN | {"time": time}]}), "d")
    (turn,) = dataset.conversations[0].turns
    assert turn.occurred_at is None
    assert dataset.slips.unread_times == (0 if time in ("", None) else 1)


def test_times_nobody_understands_are_counted_with_an_example(written):
    turns = [TURN | {"id": f"t{number}", "time": time} for number, time in enumerate(("2025-03-01", "once", "later"))]
    slips = read(written(LINE | {"turns": turns}), "d").slips
    assert (slips.unread_times, slips.unread_time) == (2, "once")


@pytest.mark.parametrize("text", ["", " \n", None])
def test_a_turn_without_text_is_left_out_and_is_no_evidence(written, text):
    silent = TURN | {"id": "silent", "text": text}
    asked = [QUESTION | {"evidence": ["silent", "t1"]}, QUESTION | {"evidence": ["silent"]}]
    dataset = read(written(LINE | {"turns": [silent, TURN], "questions": asked}), "d")
    (conversation,) = dataset.conversations
    assert [turn.id for turn in conversation.turns] == ["t1"]
    assert [question.evidence for question in conversation.questions] == [("t1",), ()]
    assert (dataset.slips.empty_turns, dataset.slips.unknown_evidence) == (1, 2)


def test_evidence_that_names_no_turn_is_left_out_and_counted(written):
    asked = [QUESTION | {"evidence": ["t1", "{x}", "t9"]}, QUESTION | {"evidence": ["t8"]}, QUESTION]
    dataset = read(written(LINE | {"questions": asked}), "d")
    assert [question.evidence for question in dataset.conversations[0].questions] == [("t1",), (), ("t1",)]
    assert dataset.slips.unknown_evidence == 3


def test_files_are_named_by_their_stems_or_by_their_paths_when_stems_are_alike(written, tmp_path):
    path = written(LINE)
    (tmp_path / "b").mkdir()
    other, alike = tmp_path / "other.jsonl", tmp_path / "b" / "data.jsonl"
    for copy in (other, alike):
        copy.write_bytes(path.read_bytes())
    assert [dataset.name for dataset in read_all([path, other])] == ["data", "other"]
    assert [dataset.name for dataset in read_all([path, alike])] == [str(path), str(alike)]


@pytest.mark.parametrize(
    ("names", "common"),
    [
        (["chats_01", "chats_02"], "chats"),
        (["chats_1", "chats_12"], "chats"),
        (["my-own-chats", "my_own_talks"], "my_own"),
        (["chats_1"], "chats_1"),
        (["chats", "talks"], "several files"),
    ],
)
def test_files_together_are_called_what_their_names_begin_with(names, common):
    assert common_name(names) == common


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ("{", r"line 2: Invalid JSON"),
        ("[]", r"line 2: .*object"),
        ({}, r"line 2: conversation: Field required"),
        (LINE | {"conversation": 7}, r"line 2: conversation: .*string"),
        (LINE | {"turns": []}, r"line 2: turns: .*at least 1"),
        (LINE | {"turns": [TURN | {"id": 1}]}, r"line 2: turns\.0\.id: .*string"),
        (LINE | {"turns": [TURN | {"text": 7}]}, r"line 2: turns\.0\.text: .*string"),
        (LINE | {"turns": [TURN | {"text": "a\x00b"}]}, r"line 2: turns\.0\.text: .*NUL"),
        (LINE | {"turns": [TURN, TURN]}, r'line 2: turns\.1\.id: "t1" names an earlier turn already'),
        (LINE | {"questions": [QUESTION | {"question": ""}]}, r"line 2: questions\.0\.question: .*at least 1"),
        (LINE | {"turns": [TURN | {"id": "{x}"}] * 2}, r'line 2: turns\.1\.id: "\{x\}" names an earlier turn already'),
        (LINE | {"conversation": "first"}, r'line 2: conversation: "first" is on line 1 already'),
    ],
)
def test_a_malformed_line_is_named_with_its_field(written, wrong, complaint):
    with pytest.raises(DatasetError, match=complaint):
        read(written(LINE | {"conversation": "first"}, wrong), "d")


def test_bytes_that_are_not_utf_8_are_a_malformed_line(tmp_path):
    path = tmp_path / "data.jsonl"
    path.write_bytes(b'{"conversation": "\xff"}')
    with pytest.raises(DatasetError, match="line 1: Invalid JSON"):
        read(path, "d")


def test_a_file_that_is_not_there_is_an_error_with_its_name(tmp_path):
    with pytest.raises(DatasetError, match=r"absent\.jsonl: No such file"):
        read(tmp_path / "absent.jsonl", "d")


@pytest.mark.parametrize("evidence", [[], ["t9"]])
def test_questions_without_any_evidence_measure_nothing(written, evidence):
    with pytest.raises(DatasetError, match="no question names evidence"):
        read(written(LINE | {"questions": [QUESTION | {"evidence": evidence}]}), "d")


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

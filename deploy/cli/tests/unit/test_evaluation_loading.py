"""What a turn becomes: a memory as the API takes it, under ids that follow from the data."""

import json

from contracts.memory_store import MAX_CONTENT_CHARS, NewMemory
from memori_cli.evaluation.dataset import Conversation
from memori_cli.evaluation.loading import owned
from memori_cli.evaluation.options import Options
from memori_client import Memori


def conversation(*turns, name="c"):
    said = [{"id": f"t{number}", "speaker": "Ada", "text": "hello"} | turn for number, turn in enumerate(turns)]
    return Conversation.model_validate_json(json.dumps({"conversation": name, "turns": said, "questions": []}))


def memory(turn):
    (holder,) = owned(Memori("http://memori.test"), [conversation(turn)], Options())
    return NewMemory.model_validate_json(json.dumps(holder.memory(holder.conversation.turns[0])))


def test_a_turn_is_kept_with_who_said_it_when():
    stored = memory({"time": "1:56 pm on 8 May, 2023"})
    assert stored.content == "Ada: hello"
    assert stored.metadata == {"turn": "t0", "speaker": "Ada", "time": "1:56 pm on 8 May, 2023"}
    assert stored.occurred_at.isoformat() == "2023-05-08T13:56:00+00:00"


def test_a_time_nobody_understands_is_kept_as_it_is_written():
    stored = memory({"time": "once upon a time"})
    assert stored.metadata["time"] == "once upon a time"
    assert stored.occurred_at is None


def test_a_turn_without_a_time_has_none():
    stored = memory({})
    assert "time" not in stored.metadata
    assert stored.occurred_at is None


def test_a_text_beyond_what_a_memory_holds_is_cut():
    assert len(memory({"text": "x" * 2 * MAX_CONTENT_CHARS}).content) == MAX_CONTENT_CHARS


def test_ids_are_the_same_each_time_and_others_for_other_data():
    with Memori("http://memori.test") as memori:
        first, again, changed = (
            owned(memori, [conversation(turn)], Options())[0].memory_id("t0")
            for turn in ({}, {}, {"time": "2023-05-08"})
        )
    assert first == again != changed

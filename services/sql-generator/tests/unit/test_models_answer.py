"""What counts as an answer, and what a draft makes of it."""

import math
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from uuid import uuid4

import pytest

from sql_generator.generation.answer import parse_arguments, to_draft, tool_parameters
from sql_generator.generation.model import ModelAnswerInvalid, Tokens
from sql_generator.generation.provider import retry_after

ANSWER = {"sql": "SELECT 1", "explanation": "One.", "intent": "select", "confidence": 0.9}


def draft(references=None, **changes):
    answer = parse_arguments({**ANSWER, **changes})
    return to_draft(answer, references or {}, Tokens(1, 2))


def test_the_tool_asks_for_the_fields_of_an_answer_and_requires_the_four_that_matter():
    parameters = tool_parameters()

    assert parameters["type"] == "object"
    assert parameters["required"] == ["sql", "explanation", "intent", "confidence"]
    assert parameters["properties"].keys() == {
        *parameters["required"], "clarifying_question", "question_in_full", "used_memories", "used_rules", "used_examples",
    }  # fmt: skip
    assert parameters["properties"]["sql"]["type"] == ["string", "null"]
    assert parameters["properties"]["intent"]["enum"] == ["select", "aggregate", "join", "filter", "group_by"]
    assert parameters["properties"]["confidence"]["minimum"] == 0
    assert parameters["properties"]["confidence"]["maximum"] == 1
    assert all("description" in field for field in parameters["properties"].values())


def test_short_ids_become_the_ids_they_stand_for_once_each_and_unknown_ones_are_ignored():
    first, second, rule, example = (uuid4() for _ in range(4))
    references = {"m1": first, "m2": second, "r1": rule, "e1": example}

    answered = draft(
        references, used_memories=["m2", "m9", "m1", "m2", "r1", ""], used_rules=["r1", "e1"], used_examples=["e1"]
    )

    assert answered.used_memories == (second, first)
    assert answered.used_rules == (rule,)
    assert answered.used_examples == (example,)


@pytest.mark.parametrize("sql", [None, "", "  \n"])
def test_without_sql_there_is_a_clarifying_question(sql):
    answered = draft(sql=sql, clarifying_question="Which year?")

    assert answered.sql is None
    assert answered.intent is None
    assert (answered.explanation, answered.clarifying_question) == ("One.", "Which year?")


@pytest.mark.parametrize(
    ("said", "understood"), [(" Orders by month ", "Orders by month"), ("", None), ("x" * 1001, None)]
)
def test_the_question_in_full_is_one_or_nothing(said, understood):
    assert draft(question_in_full=said).question_in_full == understood


def test_with_sql_nothing_is_asked_back():
    assert draft(clarifying_question="Which year?").clarifying_question is None


def test_without_sql_and_without_a_question_the_explanation_stands():
    assert draft(sql=None, explanation="There is no such table.").explanation == "There is no such table."


def test_neither_sql_nor_a_word_is_not_an_answer():
    with pytest.raises(ModelAnswerInvalid, match="neither SQL nor a clarifying question"):
        draft(sql=None, explanation=" ", clarifying_question="")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"sql": 1}, "sql"),
        ({"sql": "SELECT '\x00'"}, "sql"),
        ({"explanation": None}, "explanation"),
        ({"intent": "drop"}, "intent"),
        ({"confidence": 1.01}, "confidence"),
        ({"confidence": -0.01}, "confidence"),
        ({"confidence": math.nan}, "confidence"),
        ({"confidence": "high"}, "confidence"),
        ({"used_memories": "m1"}, "used_memories"),
        ({"used_rules": [1]}, r"used_rules\.0"),
    ],
)
def test_a_field_of_another_form_is_named(changes, field):
    with pytest.raises(ModelAnswerInvalid, match=field):
        parse_arguments({**ANSWER, **changes})


@pytest.mark.parametrize("field", ANSWER)
def test_a_missing_field_is_named(field):
    with pytest.raises(ModelAnswerInvalid, match=f"{field}: Field required"):
        parse_arguments({name: value for name, value in ANSWER.items() if name != field})


@pytest.mark.parametrize("text", ["", "null", "[]", "{", '{"sql": "SELECT 1"} and more', "SELECT 1"])
def test_what_is_not_one_json_object_is_not_an_answer(text):
    with pytest.raises(ModelAnswerInvalid):
        parse_arguments(text)


def test_the_reason_does_not_repeat_what_the_model_wrote():
    with pytest.raises(ModelAnswerInvalid) as caught:
        parse_arguments({**ANSWER, "intent": "the secret word"})

    assert "secret" not in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("3", 3), ("0.25", 0.25), ("-1", 0), ("", None), ("soon", None), ("nan", None), ("inf", None)],
)
def test_retry_after_is_read_as_seconds_or_not_at_all(value, seconds):
    assert retry_after({"retry-after": value}) == seconds


def test_retry_after_may_be_a_date():
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)

    assert retry_after({"retry-after": then}) == pytest.approx(90, abs=5)
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 -0000"}) is None
    assert retry_after({}) is None

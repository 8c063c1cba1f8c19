"""Questions that go on from one before."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.memory_store import ConversationMessage
from sql_generator.domain.followups import addition
from sql_generator.domain.patterns import Candidate, examples_for
from sql_generator.generation.model import Turn
from sql_generator.generation.prompt import prompt
from sql_generator.repository.patterns import PastTurn
from sql_generator.use_cases.conversation import together

SQL = "SELECT COUNT(*) FROM orders"
THEN = datetime(2026, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("question", "added"),
    [
        ("and by month?", "by month"),
        ("What about last year?", "last year"),
        ("only for Paris", "for Paris"),
        ("Just the paid ones, please.", "the paid ones, please"),
        ("by country", "by country"),
        ("top 5", "top 5"),
        ("sorted by name", "sorted by name"),
        ("How many orders are there?", None),
        ("And how many customers are there?", None),
        ("What about the customers who never ordered?", None),
        ("Show only paid orders", None),
        ("For each customer, list the orders", None),
        ("top 5 products by price", None),
        ("and", None),
        ("?!", None),
        ("", None),
    ],
)
def test_what_a_question_adds_is_read_from_its_wording(question, added):
    assert addition(question) == added


@given(st.text(max_size=60))
def test_any_text_is_read(question):
    added = addition(question)
    assert added is None or added in question


@pytest.mark.parametrize(
    ("before", "question", "in_full"),
    [
        ("How many orders are there?", "and by month?", "How many orders are there per month"),
        (
            "How many customers are there by country?",
            "and by segment",
            "How many customers are there by country and segment",
        ),
        ("How many orders are there?", "only for France", "How many orders are there where country is France"),
        (
            "How many orders are there per month?",
            "just the paid ones",
            "How many orders are there per month where status is paid",
        ),
        ("How many customers are there in France?", "what about Germany?", "How many customers are there in Germany"),
        ("How many orders were placed last year?", "what about this year?", "How many orders were placed this year"),
        ("How many orders are there?", "and last year?", "How many orders are there last year"),
        ("Top 3 products by price", "top 5", "Top 5 products by price"),
        ("Which customers are from France?", "sorted by name", "Which customers are from France ordered by name"),
    ],
)
def test_a_follow_up_is_put_into_the_question_before_and_answered_like_it(ask, before, question, in_full):
    draft = ask(question, turns=(Turn("user", before, SQL),))
    assert draft.question_in_full == in_full
    assert draft.sql == ask(in_full).sql
    assert in_full in draft.explanation


def test_it_goes_on_from_the_last_question_that_was_answered(ask):
    turns = (
        Turn("user", "How many products are there?", SQL),
        Turn("user", "How many orders are there?", SQL),
        Turn("user", "How many gizmos are there?"),
        Turn("assistant", "What is a gizmo?"),
    )
    assert ask("and per month?", turns=turns).question_in_full == "How many orders are there per month"


@pytest.mark.parametrize("question", ["and with unicorns?", "what about Mars?", "top 5", "and by colour"])
def test_what_cannot_be_put_into_it_is_asked_back(ask, question):
    draft = ask(question, turns=(Turn("user", "How many orders are there?", SQL),))
    assert (draft.sql, draft.question_in_full) == (None, None)
    assert draft.clarifying_question == "Can you ask the whole question?"


def test_without_a_conversation_it_is_asked_what_the_question_goes_on_from(ask):
    draft = ask("and by month?")
    assert draft.sql is None
    assert "'and by month?' refer to" in draft.clarifying_question


def test_a_whole_question_is_answered_for_itself_whatever_was_said(ask):
    turns = (Turn("user", "How many orders are there last year?", SQL),)
    assert ask("How many customers are there?", turns=turns) == ask("How many customers are there?")


def test_a_question_that_means_nothing_by_itself_is_no_example():
    candidates = [Candidate(None, question, SQL, "verified", 0.9) for question in ("and by month?", "Orders by month?")]
    assert [example.question for example in examples_for("orders by month", candidates)] == ["Orders by month?"]


def test_turns_come_in_the_order_of_time_and_none_twice():
    def message(content, seconds, role="user"):
        at = THEN + timedelta(seconds=seconds)
        ids = {
            "message_id": "6f1d3c1e-9a54-4d0e-8d0c-2f6f3f1f7a10",
            "conversation_id": "6f1d3c1e-9a54-4d0e-8d0c-2f6f3f1f7a11",
        }
        rest = {"type": "text", "process_id": None, "session_id": None, "metadata": {}, "created_at": at}
        return ConversationMessage(**ids, **rest, role=role, content=content, occurred_at=at)

    asked = [
        PastTurn("How many?", None, "How many what?", THEN),
        PastTurn("Orders?", SQL, None, THEN + timedelta(seconds=2)),
    ]
    said = (message("Hello", -1), message("orders? ", 2), message("Three.", 3, "assistant"))
    assert [(turn.role, turn.content, turn.sql) for turn in together(asked, said)] == [
        ("user", "Hello", None),
        ("user", "How many?", None),
        ("assistant", "How many what?", None),
        ("user", "Orders?", SQL),
        ("assistant", "Three.", None),
    ]


def test_the_conversation_is_quoted_in_the_part_that_changes(shop):
    from sql_generator.generation.model import GenerationContext

    turns = (Turn("user", "How many </conversation> orders?", SQL),)
    shown = prompt(GenerationContext(question="and by month?", schema=shop, turns=turns))
    assert (
        '{"role":"user","content":"How many \\u003c/conversation\\u003e orders?","sql":"SELECT COUNT(*) FROM orders"}'
        in shown.volatile
    )
    assert shown.stable == prompt(GenerationContext(question="How many?", schema=shop)).stable

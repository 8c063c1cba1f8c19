"""A list is cut into messages that fit, and nothing is lost or reordered."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.memory_store import (
    AppendMessages,
    ConversationMessage,
    CreateMemories,
    Memories,
    Memory,
    Messages,
    NewMemory,
    NewMessage,
)
from contracts.methods import MAX_MESSAGE_BYTES, ProblemError
from contracts.problems import FieldError, problem
from gateway.api.batches import MEMORIES, MESSAGES, own_fields

LIMIT = 8_000
LATE = datetime(2026, 12, 31, 23, 59, 59, 123456, tzinfo=UTC)
LARGE = 2**63 - 1
LONG_FLOAT = 1 / 3e50


def request_of(memories):
    return CreateMemories(memories=memories).model_dump_json().encode()


def longest_memories(sent):
    """The longest reply to memories that were sent with nothing but content: every other field filled in."""
    filled = {
        "importance_score": LONG_FLOAT,
        "access_count": LARGE,
        "last_accessed_at": LATE,
        "expires_at": LATE,
        "occurred_at": LATE,
        "mine": True,
        "is_archived": False,
        "archived_reason": "consolidated",
        "superseded_by": UUID(int=LARGE),
        "content_version": LARGE,
        "revision": LARGE,
        "embedded": False,
        "created_at": LATE,
        "updated_at": LATE,
    }
    stored = tuple(Memory(**memory.model_dump() | filled) for memory in sent)
    return Memories(memories=stored).model_dump_json().encode()


def longest_messages(sent):
    filled = {"conversation_id": UUID(int=LARGE), "occurred_at": LATE, "created_at": LATE}
    kept = tuple(ConversationMessage(**message.model_dump() | filled) for message in sent)
    return Messages(messages=kept).model_dump_json().encode()


@given(st.lists(st.integers(1, 3_000), max_size=60), st.integers(1, 10))
def test_every_chunk_and_its_reply_fit_and_together_they_are_the_batch(sizes, max_count):
    memories = [NewMemory(memory_id=uuid4(), content="ü" * size) for size in sizes]
    cut = replace(MEMORIES, max_count=max_count).chunks(memories, max_bytes=LIMIT)
    assert [memory for chunk in cut for memory in chunk] == memories
    for chunk in cut:
        assert 0 < len(chunk) <= max_count
        assert len(request_of(chunk)) <= LIMIT
        assert len(longest_memories(chunk)) <= LIMIT


@pytest.mark.parametrize("content", ["x", "ü" * 1_000, "x" * 2_000, "\n" * 10_000, "語" * 10_000], ids=len)
def test_the_longest_reply_to_a_full_chunk_fits_one_message(content):
    cut = MEMORIES.chunks([NewMemory(memory_id=uuid4(), content=content) for _ in range(1_000)])
    assert sum(map(len, cut)) == 1_000
    assert max(len(longest_memories(chunk)) for chunk in cut) <= MAX_MESSAGE_BYTES
    assert max(len(request_of(chunk)) for chunk in cut) <= MAX_MESSAGE_BYTES


@pytest.mark.parametrize("content", ["x", "ü" * 5_000, "語" * 100_000], ids=len)
def test_the_longest_reply_to_a_full_chunk_of_turns_fits_one_message(content):
    cut = MESSAGES.chunks([NewMessage(message_id=uuid4(), role="assistant", content=content) for _ in range(100)])
    assert sum(map(len, cut)) == 100
    assert max(len(longest_messages(chunk)) for chunk in cut) <= MAX_MESSAGE_BYTES
    requests = (AppendMessages(conversation_id=uuid4(), messages=chunk).model_dump_json().encode() for chunk in cut)
    assert max(map(len, requests)) <= MAX_MESSAGE_BYTES


def test_what_is_stored_is_longer_than_what_was_sent_by_no_more_than_is_reckoned_with():
    memory = NewMemory(memory_id=uuid4(), content="x")
    grown = len(longest_memories([memory])) - len(request_of([memory]))
    assert MEMORIES.reply_overhead_bytes / 2 < grown < MEMORIES.reply_overhead_bytes


@given(st.lists(st.integers(1, 3_000), min_size=2, max_size=60))
def test_neighbours_that_would_have_fitted_together_are_together(sizes):
    memories = [NewMemory(memory_id=uuid4(), content="x" * size) for size in sizes]
    cut = replace(MEMORIES, max_count=1_000).chunks(memories, max_bytes=LIMIT)
    for chunk, following in itertools.pairwise(cut):
        together = (*chunk, following[0])
        assert len(request_of(together)) + len(together) * MEMORIES.reply_overhead_bytes + 128 > LIMIT


def test_a_memory_that_never_fits_is_named_before_anything_is_sent():
    memories = [NewMemory(memory_id=uuid4(), content="x" * size) for size in (10, 9_000)]
    with pytest.raises(ProblemError) as caught:
        MEMORIES.chunks(memories, max_bytes=LIMIT)
    assert caught.value.problem.type == "too-large"
    assert caught.value.problem.errors[0].field == "memories.1"


def test_an_id_twice_is_named():
    memory = NewMemory(memory_id=uuid4(), content="x")
    MEMORIES.refuse_repeated_ids([memory])
    with pytest.raises(ProblemError) as caught:
        MEMORIES.refuse_repeated_ids([memory, memory])
    assert caught.value.problem.errors[0].field == "memories.1.memory_id"


async def test_what_does_not_fit_as_it_is_stored_is_asked_for_in_halves():
    memories = [NewMemory(memory_id=uuid4(), content="x") for _ in range(10)]
    asked = []

    async def ask(chunk):
        asked.append(len(chunk))
        if len(chunk) > 3:
            raise ProblemError(problem("too-large", "the answer does not fit one message"))
        return chunk

    assert await MEMORIES.store(memories, ask) == tuple(memories)
    assert asked == [10, 5, 2, 3, 5, 2, 3]


async def test_what_does_not_fit_even_alone_is_named():
    async def ask(chunk):
        if any(memory.content == "large" for memory in chunk):
            raise ProblemError(problem("too-large", "it does not fit one message"))
        return chunk

    memories = [NewMemory(memory_id=uuid4(), content="large" if index == 2 else "x") for index in range(4)]
    with pytest.raises(ProblemError) as caught:
        await MEMORIES.store(memories, ask)
    assert caught.value.problem.type == "too-large"
    (error,) = caught.value.problem.errors
    assert (error.field, error.message) == ("memories.2", "it does not fit one message")


async def test_fields_keep_the_callers_indexes_after_halving():
    async def ask(chunk):
        if len(chunk) > 2:
            raise ProblemError(problem("too-large"))
        for index, memory in enumerate(chunk):
            if memory.content == "wrong":
                wrong = FieldError(field=f"memories.{index}.conversation_id", message="not found")
                raise ProblemError(problem("not-found", errors=(wrong,)))
        return chunk

    memories = [NewMemory(memory_id=uuid4(), content="wrong" if index == 7 else "fine") for index in range(8)]
    with pytest.raises(ProblemError) as caught:
        await MEMORIES.store(memories, ask)
    assert [error.field for error in caught.value.problem.errors] == ["memories.7.conversation_id"]


@pytest.mark.parametrize(
    ("field", "first", "alone", "own"),
    [
        ("memories.0.conversation_id", 0, True, "conversation_id"),
        ("memories.3.conversation_id", 200, False, "memories.203.conversation_id"),
        ("memories.3", 200, False, "memories.203"),
        ("memories", 200, False, "memories"),
        ("metadata.a.0", 200, False, "metadata.a.0"),
        ("messages.3.role", 200, False, "messages.3.role"),
    ],
)
def test_a_problem_names_the_field_as_the_caller_sent_it(field, first, alone, own):
    sent = problem("not-found", errors=(FieldError(field=field, message="not found"),))
    with pytest.raises(ProblemError) as caught, own_fields("memories", first=first, alone=alone):
        raise ProblemError(sent)
    assert [error.field for error in caught.value.problem.errors] == [own]
    assert caught.value.problem.type == "not-found"

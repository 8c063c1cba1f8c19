"""A batch is cut into messages that fit, and nothing is lost or reordered."""

import itertools
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.memory_store import CreateMemories, NewMemory
from contracts.methods import ProblemError
from contracts.problems import FieldError, problem
from gateway.api.batches import REPLY_OVERHEAD_BYTES, chunks, own_fields, refuse_repeated_ids

LIMIT = 8_000


@given(st.lists(st.integers(1, 3_000), max_size=60), st.integers(1, 10))
def test_every_chunk_fits_and_together_they_are_the_batch(sizes, max_count):
    memories = [NewMemory(memory_id=uuid4(), content="ü" * size) for size in sizes]
    cut = chunks(memories, max_bytes=LIMIT, max_count=max_count)
    assert [memory for chunk in cut for memory in chunk] == memories
    for chunk in cut:
        assert 0 < len(chunk) <= max_count
        size = len(CreateMemories(memories=chunk).model_dump_json().encode())
        assert size + len(chunk) * REPLY_OVERHEAD_BYTES <= LIMIT


@given(st.lists(st.integers(1, 3_000), min_size=2, max_size=60))
def test_neighbours_that_would_have_fitted_together_are_together(sizes):
    memories = [NewMemory(memory_id=uuid4(), content="x" * size) for size in sizes]
    cut = chunks(memories, max_bytes=LIMIT, max_count=1_000)
    for chunk, following in itertools.pairwise(cut):
        together = CreateMemories(memories=(*chunk, following[0])).model_dump_json().encode()
        assert len(together) + (len(chunk) + 1) * REPLY_OVERHEAD_BYTES + 64 > LIMIT


def test_a_memory_that_never_fits_is_named_before_anything_is_sent():
    memories = [NewMemory(memory_id=uuid4(), content="x" * size) for size in (10, 9_000)]
    with pytest.raises(ProblemError) as caught:
        chunks(memories, max_bytes=LIMIT)
    assert caught.value.problem.type == "too-large"
    assert caught.value.problem.errors[0].field == "memories.1"


def test_an_id_twice_is_named():
    memory = NewMemory(memory_id=uuid4(), content="x")
    refuse_repeated_ids([memory])
    with pytest.raises(ProblemError) as caught:
        refuse_repeated_ids([memory, memory])
    assert caught.value.problem.errors[0].field == "memories.1.memory_id"


@pytest.mark.parametrize(
    ("field", "first", "alone", "own"),
    [
        ("memories.0.conversation_id", 0, True, "conversation_id"),
        ("memories.3.conversation_id", 200, False, "memories.203.conversation_id"),
        ("memories.3", 200, False, "memories.203"),
        ("memories", 200, False, "memories"),
        ("metadata.a.0", 200, False, "metadata.a.0"),
    ],
)
def test_a_problem_names_the_field_as_the_caller_sent_it(field, first, alone, own):
    sent = problem("not-found", errors=(FieldError(field=field, message="not found"),))
    with pytest.raises(ProblemError) as caught, own_fields(first=first, alone=alone):
        raise ProblemError(sent)
    assert [error.field for error in caught.value.problem.errors] == [own]
    assert caught.value.problem.type == "not-found"

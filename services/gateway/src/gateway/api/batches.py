"""Cuts a batch into messages that NATS carries."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

from contracts.memory_store import NewMemory
from contracts.methods import MAX_MESSAGE_BYTES, ProblemError
from contracts.problems import FieldError, problem

MAX_CHUNK = 200
"""Memories a message: one transaction of memory-store, well within the time a call gets."""

REPLY_OVERHEAD_BYTES = 512
"""What a stored memory is longer than what was sent: times, counters, version."""

_ENVELOPE_BYTES = 64


def chunks(
    memories: Sequence[NewMemory], *, max_bytes: int = MAX_MESSAGE_BYTES, max_count: int = MAX_CHUNK
) -> list[tuple[NewMemory, ...]]:
    """The memories in order, in as few chunks as fit one message each, the reply included.

    Raises:
        ProblemError: one memory alone does not fit (`too-large`, with its index); nothing has been sent yet then.
    """
    return list(_cut(memories, max_bytes - _ENVELOPE_BYTES, max_count))


def refuse_repeated_ids(memories: Sequence[NewMemory]) -> None:
    """Raise ProblemError (`invalid`, with the index) when two memories have the same id."""
    first: dict[UUID, int] = {}
    for index, memory in enumerate(memories):
        if (earlier := first.setdefault(memory.memory_id, index)) != index:
            error = FieldError(field=f"memories.{index}.memory_id", message=f"is that of memories.{earlier}")
            raise ProblemError(problem("invalid", errors=(error,)))


@contextmanager
def own_fields(*, first: int, alone: bool = False) -> Iterator[None]:
    """Name the fields of a problem as the caller sent them: the service counts from the chunk's `first` memory.

    With `alone` there was one memory and no list: `memories.0.content` is the caller's `content`.
    """
    try:
        yield
    except ProblemError as error:
        errors = tuple(
            FieldError(field=_own_field(wrong.field, first, alone=alone), message=wrong.message)
            for wrong in error.problem.errors
        )
        raise ProblemError(error.problem.model_copy(update={"errors": errors})) from error


def _own_field(field: str, first: int, *, alone: bool) -> str:
    name, _, rest = field.partition(".")
    index, _, rest = rest.partition(".")
    if name != "memories" or not index.isdigit():
        return field
    return rest or field if alone else ".".join(part for part in (name, str(first + int(index)), rest) if part)


def _cut(memories: Sequence[NewMemory], budget: int, max_count: int) -> Iterator[tuple[NewMemory, ...]]:
    chunk: list[NewMemory] = []
    used = 0
    for index, memory in enumerate(memories):
        size = len(memory.model_dump_json().encode()) + REPLY_OVERHEAD_BYTES
        if size > budget:
            error = FieldError(field=f"memories.{index}", message=f"must not have more than {budget} bytes as JSON")
            raise ProblemError(problem("too-large", errors=(error,)))
        if chunk and (used + size > budget or len(chunk) == max_count):
            yield tuple(chunk)
            chunk, used = [], 0
        chunk.append(memory)
        used += size
    if chunk:
        yield tuple(chunk)

"""Cuts a list of things to store into messages that NATS carries, and puts the answers together again."""

from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from contracts.base import Message
from contracts.memory_store import MAX_MESSAGES, NewMemory, NewMessage
from contracts.methods import MAX_MESSAGE_BYTES, ProblemError
from contracts.problems import FieldError, problem

ItemT = TypeVar("ItemT", bound=Message)
StoredT = TypeVar("StoredT", bound=Message)

_ENVELOPE_BYTES = 128
"""What surrounds the items of a request or a reply: the list's name, brackets, what else is said once."""


@dataclass(frozen=True, slots=True)
class Batch(Generic[ItemT]):
    """How lists of one kind travel.

    Attributes:
        name: the list's field, in the body, in the request and in the problems about it.
        id_field: what identifies an item.
        reply_overhead_bytes: by how much an item as it is stored is longer than the same one as it was sent, at most.
        max_count: how many one message carries: one transaction, well within the time a call gets.
    """

    name: str
    id_field: str
    reply_overhead_bytes: int
    max_count: int

    async def store(
        self, items: Sequence[ItemT], ask: Callable[[tuple[ItemT, ...]], Awaitable[Sequence[StoredT]]]
    ) -> tuple[StoredT, ...]:
        """The items as stored, in order, asked for chunk by chunk; a problem names the fields as the caller sent them.

        Raises:
            ProblemError: an id occurs twice, an item is too large, or a chunk was refused; those before it are stored.
        """
        self.refuse_repeated_ids(items)
        pending = deque(self.chunks(items))
        stored: list[StoredT] = []
        sent = 0
        while pending:
            chunk = pending.popleft()
            try:
                with own_fields(self.name, first=sent):
                    stored += await ask(chunk)
            except ProblemError as error:
                if error.problem.type != "too-large":
                    raise
                if len(chunk) == 1:
                    raise self._too_large(sent, error.problem.detail) from error
                # Ids that exist already are answered as they are stored, and that may be longer than what was sent.
                middle = len(chunk) // 2
                pending.extendleft((chunk[middle:], chunk[:middle]))
            else:
                sent += len(chunk)
        return tuple(stored)

    def refuse_repeated_ids(self, items: Sequence[ItemT]) -> None:
        """Raise ProblemError (`invalid`, with the index) when two items have the same id."""
        first: dict[UUID, int] = {}
        for index, item in enumerate(items):
            if (earlier := first.setdefault(getattr(item, self.id_field), index)) != index:
                field, message = f"{self.name}.{index}.{self.id_field}", f"is that of {self.name}.{earlier}"
                raise ProblemError(problem("invalid", errors=(FieldError(field=field, message=message),)))

    def chunks(self, items: Sequence[ItemT], *, max_bytes: int = MAX_MESSAGE_BYTES) -> list[tuple[ItemT, ...]]:
        """The items in order, in as few chunks as fit one message each, the reply included.

        Raises:
            ProblemError: one item alone does not fit (`too-large`, with its index); nothing has been sent yet then.
        """
        return list(self._cut(items, max_bytes - _ENVELOPE_BYTES))

    def _cut(self, items: Sequence[ItemT], budget: int) -> Iterator[tuple[ItemT, ...]]:
        chunk: list[ItemT] = []
        used = 0
        for index, item in enumerate(items):
            # One for the comma.
            size = len(item.model_dump_json().encode()) + self.reply_overhead_bytes + 1
            if size > budget:
                message = f"must not have more than {budget - self.reply_overhead_bytes - 1} bytes as JSON"
                raise self._too_large(index, message)
            if chunk and (used + size > budget or len(chunk) == self.max_count):
                yield tuple(chunk)
                chunk, used = [], 0
            chunk.append(item)
            used += size
        if chunk:
            yield tuple(chunk)

    def _too_large(self, index: int, message: str) -> ProblemError:
        return ProblemError(problem("too-large", errors=(FieldError(field=f"{self.name}.{index}", message=message),)))


# Measured with every field at its longest: 402 bytes for a memory (times, counters, version), 125 for a turn.
MEMORIES: Batch[NewMemory] = Batch("memories", "memory_id", reply_overhead_bytes=512, max_count=200)
MESSAGES: Batch[NewMessage] = Batch("messages", "message_id", reply_overhead_bytes=160, max_count=MAX_MESSAGES)


@contextmanager
def own_fields(name: str, *, first: int, alone: bool = False) -> Iterator[None]:
    """Name the fields of a problem as the caller sent them: the service counts from the chunk's `first` item.

    With `alone` there was one item and no list: `memories.0.content` is the caller's `content`.
    """
    try:
        yield
    except ProblemError as error:
        errors = tuple(
            FieldError(field=_own_field(wrong.field, name, first, alone=alone), message=wrong.message)
            for wrong in error.problem.errors
        )
        raise ProblemError(error.problem.model_copy(update={"errors": errors})) from error


def _own_field(field: str, name: str, first: int, *, alone: bool) -> str:
    head, _, rest = field.partition(".")
    index, _, rest = rest.partition(".")
    if head != name or not index.isdigit():
        return field
    return rest or field if alone else ".".join(part for part in (name, str(first + int(index)), rest) if part)

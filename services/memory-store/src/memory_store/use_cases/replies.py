"""Replies that have to fit one message."""

from collections.abc import Iterable
from typing import TypeVar

from contracts.base import Message
from contracts.methods import MAX_MESSAGE_BYTES, ProblemError
from contracts.problems import problem

MessageT = TypeVar("MessageT", bound=Message)

# What surrounds the items of a reply: brackets, cursors, the query said back (1,000 characters, escaped).
_ENVELOPE_BYTES = 8 * 1024


def fitting(items: Iterable[MessageT], *, reserved: int = 0) -> tuple[MessageT, ...]:
    """As many of the items, from the first on, as fit one reply beside `reserved` bytes of something else."""
    room = MAX_MESSAGE_BYTES - _ENVELOPE_BYTES - reserved
    taken: list[MessageT] = []
    for item in items:
        room -= len(item.model_dump_json().encode()) + 1
        if room < 0:
            break
        taken.append(item)
    return tuple(taken)


def must_fit(reply: MessageT) -> MessageT:
    """The reply. Checked before the commit, so that nobody is told "too large" about something that was done.

    Raises:
        ProblemError: `too-large`.
    """
    if len(reply.model_dump_json().encode()) > MAX_MESSAGE_BYTES:
        raise ProblemError(problem("too-large", "the answer would not fit one message: ask for less at once"))
    return reply

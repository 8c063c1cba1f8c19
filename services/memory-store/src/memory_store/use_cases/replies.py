"""Replies that have to fit one message."""

from typing import TypeVar

from contracts.base import Message
from contracts.methods import MAX_MESSAGE_BYTES, ProblemError
from contracts.problems import problem

MessageT = TypeVar("MessageT", bound=Message)


def must_fit(reply: MessageT) -> MessageT:
    """The reply. Checked before the commit, so that nobody is told "too large" about something that was done.

    Raises:
        ProblemError: `too-large`.
    """
    if len(reply.model_dump_json().encode()) > MAX_MESSAGE_BYTES:
        raise ProblemError(problem("too-large", "the answer would not fit one message: ask for less at once"))
    return reply

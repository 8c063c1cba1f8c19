"""Request–reply: who answers what, with which types."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from contracts.base import Message
from contracts.problems import Problem

RequestT = TypeVar("RequestT", bound=Message)
ReplyT = TypeVar("ReplyT", bound=Message)

MAX_MESSAGE_BYTES = 512 * 1024
"""The largest request or reply; longer lists are paged by bytes (NATS refuses more than 1 MiB by default)."""

DEADLINE = "Memori-Deadline"
"""Header: Unix time in seconds after which nobody waits for the reply any more."""

PROBLEM = "Memori-Problem"
"""Header: set on a reply whose body is a `Problem`."""


@dataclass(frozen=True, slots=True)
class Method(Generic[RequestT, ReplyT]):
    """One verb that a service answers on `rpc.<service>.<verb>`."""

    service: str
    verb: str
    request: type[RequestT]
    reply: type[ReplyT]

    @property
    def subject(self) -> str:
        """The NATS subject it is answered on, by one member of the queue group named after the service."""
        return f"rpc.{self.service}.{self.verb}"


class Empty(Message):
    """A request or reply that says nothing more."""


class ProblemError(Exception):
    """A problem on its way to whoever asked."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.title}: {problem.detail}" if problem.detail else problem.title)
        self.problem = problem

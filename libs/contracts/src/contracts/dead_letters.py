"""What is said of a command that was refused: where it waits and why, never what it asks."""

from typing import Annotated

from pydantic import Field

from contracts.base import Message
from contracts.methods import Empty, Method


class CommandRef(Message):
    """Names a command in the outbox of its service."""

    outbox_id: Annotated[int, Field(ge=1, lt=2**63)]


class RefusedCommand(CommandRef):
    """The body of a command's dead letter. What the command asks stays in the outbox, where its user can erase it."""

    service: str = Field(description="Whose outbox it is in")
    method: str = Field(description="The subject it is asked on")


def retry_command_of(service: str) -> Method[CommandRef, Empty]:
    """The method by which a service is told to ask a refused command again."""
    return Method(service, "retry_command", CommandRef, Empty)


def drop_command_of(service: str) -> Method[CommandRef, Empty]:
    """The method by which a service is told to forget a refused command."""
    return Method(service, "drop_command", CommandRef, Empty)

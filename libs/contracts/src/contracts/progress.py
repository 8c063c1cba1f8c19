"""How far a question has got, while somebody waits for its answer: said on core NATS, kept by nobody."""

from typing import Literal, TypeAlias
from uuid import UUID

from pydantic import Field

from contracts.base import Message

Stage: TypeAlias = Literal["source", "context", "drafting", "checking", "repairing", "executing"]

SUBJECTS = "progress.*"


class Progress(Message):
    """A stage that begins. It says nothing of the question: whoever may listen at all learns no more than the time."""

    stage: Stage
    repair: int | None = Field(default=None, description="Which repair begins, from 1, when the stage is `repairing`")


def subject_of(progress_id: UUID) -> str:
    """Where the progress of one request is said.

    The id is minted by the gateway for each request. It is not the request id in the logs, which clients may choose:
    two clients that chose the same one would see each other's progress.
    """
    return f"progress.{progress_id}"

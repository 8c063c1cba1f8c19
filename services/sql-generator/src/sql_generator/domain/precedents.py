"""When a verified answer still holds: nothing that bears on it has changed since."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from contracts.memory_store import RecalledMemory
from contracts.sql_generator import Rule, VerifiedBy
from sql_generator.domain.likeness import content_words
from sql_generator.domain.questions import leans_on_turns
from sql_generator.domain.remembering import tells_of_an_answer
from sql_generator.generation.model import Turn


@dataclass(frozen=True, slots=True)
class Precedent:
    """A verified past query. Of its signature, a person may have found another one wrong (`is_doubted`)."""

    pattern_id: UUID
    question: str
    sql: str
    conversation_id: UUID | None
    rule_ids: tuple[UUID, ...]
    verified_by: VerifiedBy
    as_of: datetime
    is_doubted: bool

    @property
    def weight(self) -> tuple[bool, datetime]:
        """Of two answers to one question the one that weighs more holds: a person's word, then the later one."""
        return self.verified_by == "person", self.as_of


def still_holds(
    answer: Precedent,
    question: str,
    *,
    turns: Collection[Turn],
    rules: Collection[Rule],
    memories: Collection[RecalledMemory],
) -> bool:
    """Whether a model would have nothing to know for this question that it did not when the answer was verified.

    Newer rules are followed by the model alone, and so are memories written since that speak of what the question is
    about. Rules that shaped the answer must hold still. In a conversation a question may mean another thing.
    """
    in_talk = bool(turns) or answer.conversation_id is not None
    if in_talk and leans_on_turns(question):
        return False
    if not set(answer.rule_ids) <= {rule.rule_id for rule in rules}:
        return False
    if any(rule.updated_at > answer.as_of for rule in rules):
        return False
    about = content_words(question)
    return not any(
        memory.written_at is not None
        and memory.written_at > answer.as_of
        and not tells_of_an_answer(memory.content)
        and about & content_words(memory.content)
        for memory in memories
    )

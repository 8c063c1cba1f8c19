"""What memory-store is given to remember of a question and its SQL."""

from contracts.memory_store import MAX_CONTENT_CHARS, NewMemory
from contracts.sql_generator import Answer

IMPORTANCE = 0.6
TAGS = ("sql_generation", "query")
_ANSWERED = "→ SQL:"


def interaction(answer: Answer) -> NewMemory:
    """The memory of an answered question, under the query's id, so that it is remembered once however often it is sent.

    `answer` has SQL; its result is not part of the memory.
    """
    content = f"Asked: {answer.question_in_full or answer.question} {_ANSWERED} {answer.sql}"
    return NewMemory(
        memory_id=answer.query_id,
        content=content if len(content) <= MAX_CONTENT_CHARS else f"{content[: MAX_CONTENT_CHARS - 1]}…",
        memory_type="short_term",
        conversation_id=answer.conversation_id,
        importance_score=IMPORTANCE,
        context_tags=TAGS,
        metadata={"data_source_id": str(answer.data_source_id), "intent": answer.intent, "status": answer.status},
    )


def tells_of_an_answer(content: str) -> bool:
    """Whether a memory is that of an answered question, which defines nothing and says nothing new."""
    return _ANSWERED in content

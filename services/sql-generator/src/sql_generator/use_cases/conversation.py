"""What was said before in a conversation: questions with their SQL, and the turns that memory-store keeps."""

import asyncio
from datetime import datetime
from typing import Final
from uuid import UUID

from contracts.identity import Identity
from contracts.memory_store import LIST_MESSAGES, ConversationMessage, ListMessages
from contracts.methods import ProblemError
from messaging import RpcClient
from observability import logger
from persistence import Database
from sql_generator.generation.model import Turn
from sql_generator.repository import patterns
from sql_generator.repository.patterns import PastTurn

_log = logger(__name__)

_MAX_QUESTIONS: Final = 6
_MAX_MESSAGES: Final = 10


class Conversations:
    """Gathers turns from both their owners, side by side."""

    def __init__(self, database: Database, rpc: RpcClient, *, timeout_seconds: float) -> None:
        self._database = database
        self._rpc = rpc
        self._timeout_seconds = timeout_seconds

    async def turns(
        self, conversation_id: UUID, data_source_id: UUID, owner: Identity
    ) -> tuple[tuple[Turn, ...], bool]:
        """The last turns, the oldest first, and whether those of memory-store are among them."""
        asked, said = await asyncio.gather(
            self._asked(conversation_id, data_source_id, owner), self._said(conversation_id, owner)
        )
        return together(asked, said or ()), said is not None

    async def _asked(self, conversation_id: UUID, data_source_id: UUID, owner: Identity) -> list[PastTurn]:
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            return await patterns.turns(transaction, owner, conversation_id, data_source_id, limit=_MAX_QUESTIONS)

    async def _said(self, conversation_id: UUID, owner: Identity) -> tuple[ConversationMessage, ...] | None:
        request = ListMessages(conversation_id=conversation_id, limit=_MAX_MESSAGES, last=True)
        try:
            reply = await self._rpc.call(LIST_MESSAGES, request, owner, timeout_seconds=self._timeout_seconds)
        except ProblemError as error:
            _log.warning("context_part_missing", part="turns", error=str(error))
            return None
        return reply.messages


def together(asked: list[PastTurn], said: tuple[ConversationMessage, ...]) -> tuple[Turn, ...]:
    """All turns in the order of time; a front end that also stores its questions as messages does not repeat them."""
    questions = {turn.question.strip().casefold() for turn in asked}
    turns: list[tuple[datetime, int, Turn]] = []
    for past in asked:
        turns.append((past.asked_at, 0, Turn("user", past.question, past.sql)))
        if past.clarifying_question:
            turns.append((past.asked_at, 1, Turn("assistant", past.clarifying_question)))
    turns += [
        (message.occurred_at, 0, Turn(message.role, message.content))
        for message in said
        if message.content.strip().casefold() not in questions
    ]
    return tuple(turn for *_, turn in sorted(turns, key=lambda each: each[:2]))

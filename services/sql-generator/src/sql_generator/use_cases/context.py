"""What is known that bears on a question: gathered side by side, and each part of it may be missing."""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

from prometheus_client import Counter

from contracts.embedding_worker import EMBED, Embed, Embedding
from contracts.entity_extractor import CONTEXT, ContextOf, QuestionContext
from contracts.identity import Identity
from contracts.memory_store import GET_CONVERSATION, RECALL, ConversationRef, Recall, RecalledMemory, RecallReply
from contracts.methods import ProblemError
from contracts.sql_generator import DatabaseSchema, Rule
from messaging import RpcClient
from observability import logger
from persistence import Database
from sql_generator.domain.patterns import examples_for
from sql_generator.domain.remembering import tells_of_an_answer
from sql_generator.errors import not_found
from sql_generator.generation.model import Example, GenerationContext, RuleText, Turn
from sql_generator.repository import grades, patterns
from sql_generator.rules.rulebook import RuleBook
from sql_generator.use_cases.conversation import Conversations
from sql_generator.use_cases.rulebooks import active_rules

_log = logger(__name__)

MISSING = Counter("memori_context_missing_total", "Parts of a question's context that could not be had", ("part",))

_EMBED_SECONDS = 1.5
_PART_SECONDS = 2.0

ReplyT = TypeVar("ReplyT")


@dataclass(frozen=True, slots=True)
class Gathered:
    """The context of a question; `missing` names the parts that could not be had in time."""

    memories: tuple[RecalledMemory, ...] = ()
    knowledge: QuestionContext = field(default_factory=QuestionContext)
    rules: tuple[Rule, ...] = ()
    examples: tuple[Example, ...] = ()
    turns: tuple[Turn, ...] = ()
    embedding: Embedding | None = None
    missing: tuple[str, ...] = ()

    def context(self, rules: RuleBook, question: str, schema: DatabaseSchema) -> GenerationContext:
        """What a model may use."""
        return GenerationContext(
            question=question,
            schema=rules.without_covered_samples(schema),
            memories=self.memories,
            rules=tuple(
                RuleText(rule.rule_id, rule.rule_name, rule.rule_type, rule.rule_content, rules.applies_itself(rule))
                for rule in rules.shown
            ),
            examples=self.examples,
            knowledge=self.knowledge,
            turns=self.turns,
        )


class ContextGatherer:
    """Asks everyone who may know something, for three and a half seconds at most.

    The question is embedded once, for memories and past queries alike. Without `recall` only the rules are read: they
    are what the user wants of every statement, not what is remembered.
    """

    def __init__(self, database: Database, rpc: RpcClient, *, max_memories: int, recall: bool) -> None:
        self._database = database
        self._rpc = rpc
        self._conversations = Conversations(database, rpc, timeout_seconds=_PART_SECONDS)
        self._max_memories = max_memories
        self._recall = recall

    async def gather(
        self, question: str, data_source_id: UUID, owner: Identity, *, asked_in: UUID | None = None
    ) -> Gathered:
        """The context of a question about a data source, asked in a conversation if any."""
        if not self._recall:
            return Gathered(rules=await active_rules(self._database, owner, data_source_id))
        asked = ContextOf(question=question, data_source_id=data_source_id)
        (embedding, recalled, examples), found, (turns, are_turns), knowledge = await asyncio.gather(
            self._remembered(question, data_source_id, owner, asked_in),
            active_rules(self._database, owner, data_source_id),
            self._turns(asked_in, data_source_id, owner),
            self._part("knowledge", self._rpc.call(CONTEXT, asked, owner, timeout_seconds=_PART_SECONDS)),
        )
        missing = [
            *(["embeddings"] if embedding is None or (recalled is not None and recalled.degraded) else []),
            *(["memories"] if recalled is None else []),
            *(["knowledge"] if knowledge is None else []),
            *([] if are_turns else ["turns"]),
        ]
        rule_ids = {rule.rule_id for rule in found}
        return Gathered(
            # A memory that became a rule is shown as the rule.
            memories=await self._trusted(
                [m for m in (recalled.memories if recalled else ()) if m.memory_id not in rule_ids], owner
            ),
            knowledge=knowledge or QuestionContext(),
            rules=found,
            examples=examples,
            turns=turns,
            embedding=embedding,
            missing=tuple(missing),
        )

    async def require_conversation(self, conversation_id: UUID, owner: Identity) -> None:
        """Raise `not-found` for a conversation that is not this user's; while memory-store is away, it may be."""
        try:
            await self._rpc.call(
                GET_CONVERSATION,
                ConversationRef(conversation_id=conversation_id),
                owner,
                timeout_seconds=_PART_SECONDS,
            )
        except ProblemError as error:
            if error.problem.type == "not-found":
                raise not_found("conversation_id", "conversation") from error
            _log.warning("conversation_not_checked", error=str(error))

    async def _remembered(
        self, question: str, data_source_id: UUID, owner: Identity, asked_in: UUID | None
    ) -> tuple[Embedding | None, RecallReply | None, tuple[Example, ...]]:
        embedding = await self._part(
            "embeddings", self._rpc.call(EMBED, Embed(text=question), owner, timeout_seconds=_EMBED_SECONDS)
        )
        request = Recall(question=question, limit=self._max_memories, asked_in=asked_in, embedding=embedding)
        recalled, examples = await asyncio.gather(
            self._part("memories", self._rpc.call(RECALL, request, owner, timeout_seconds=_PART_SECONDS)),
            self._examples(question, data_source_id, owner, embedding),
        )
        return embedding, recalled, examples

    async def _trusted(self, memories: Sequence[RecalledMemory], owner: Identity) -> tuple[RecalledMemory, ...]:
        """Without the memories of answers that failed, or that nobody trusts any more: they have the query's id."""
        answered = [memory.memory_id for memory in memories if tells_of_an_answer(memory.content)]
        if not answered:
            return tuple(memories)
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            distrusted = await grades.distrusted(transaction, owner, answered)
        return tuple(memory for memory in memories if memory.memory_id not in distrusted)

    async def _turns(
        self, conversation_id: UUID | None, data_source_id: UUID, owner: Identity
    ) -> tuple[tuple[Turn, ...], bool]:
        if conversation_id is None:
            return (), True
        turns, are_all = await self._conversations.turns(conversation_id, data_source_id, owner)
        if not are_all:
            MISSING.labels("turns").inc()
        return turns, are_all

    async def _examples(
        self, question: str, data_source_id: UUID, owner: Identity, embedding: Embedding | None
    ) -> tuple[Example, ...]:
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            found = await patterns.candidates(transaction, owner, data_source_id, question, embedding)
        return await asyncio.to_thread(examples_for, question, found)

    async def _part(self, name: str, reply: Awaitable[ReplyT]) -> ReplyT | None:
        try:
            return await reply
        except ProblemError as error:
            _log.warning("context_part_missing", part=name, error=str(error))
            MISSING.labels(name).inc()
            return None

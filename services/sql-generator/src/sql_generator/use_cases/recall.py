"""Recall without generation: the context of a question, for a client that calls a model of its own."""

import asyncio

from contracts.identity import Identity
from contracts.sql_generator import (
    ContextBlock,
    RecallContext,
    RecalledRule,
    RecalledTurn,
    UsedMemory,
    UsedPattern,
)
from sql_generator.errors import invalid
from sql_generator.generation.context_block import context_block
from sql_generator.generation.prompt import MAX_MEMORY_CHARS
from sql_generator.generation.quoting import cut
from sql_generator.rules.rulebook import RuleBook
from sql_generator.use_cases.context import ContextGatherer
from sql_generator.use_cases.data_sources import DataSourceUseCases
from sql_generator.use_cases.recommending import Recommending


class RecallUseCases:
    """The verb of recall; nothing is kept of it."""

    def __init__(self, sources: DataSourceUseCases, recommending: Recommending, gatherer: ContextGatherer) -> None:
        self._sources = sources
        self._recommending = recommending
        self._gatherer = gatherer

    async def recall(self, request: RecallContext, owner: Identity) -> ContextBlock:
        """What bears on a question, within its budget."""
        choice = await self._recommending.choose(request, owner)
        if (stored := choice.stored) is None:
            raise invalid("data_source_id", choice.ask_back)
        schema = await self._sources.schema_of(stored, owner)
        if request.conversation_id is not None:
            await self._gatherer.require_conversation(request.conversation_id, owner)
        gathered = await self._gatherer.gather(
            request.question, stored.source.data_source_id, owner, asked_in=request.conversation_id
        )
        rules = RuleBook(gathered.rules, request.question, schema)
        context = gathered.context(rules, request.question, schema)
        # Writing down a large schema takes hundreds of milliseconds.
        block = await asyncio.to_thread(context_block, context, request.token_budget)
        kept = block.context
        return ContextBlock(
            question=request.question,
            data_source_id=stored.source.data_source_id,
            dialect=schema.dialect,
            memories=tuple(
                UsedMemory(
                    memory_id=memory.memory_id,
                    content=cut(memory.content, MAX_MEMORY_CHARS),
                    similarity_score=memory.similarity_score,
                )
                for memory in kept.memories
            ),
            rules=tuple(
                RecalledRule(
                    rule_id=rule.rule_id,
                    rule_name=rule.rule_name,
                    rule_type=rule.rule_type,
                    rule_content=rule.rule_content,
                )
                for rule in kept.rules
            ),
            knowledge=kept.knowledge,
            examples=tuple(
                UsedPattern(
                    pattern_id=example.pattern_id, question=example.question, sql=example.sql, trust=example.trust
                )
                for example in kept.examples
            ),
            turns=tuple(RecalledTurn(role=turn.role, content=turn.content, sql=turn.sql) for turn in kept.turns),
            tables=block.schema.tables,
            tables_left_out=len(block.schema.tables_left_out),
            text=block.text,
            estimated_tokens=block.tokens,
            degraded=(*gathered.missing, *(() if rules.shows_all else ("rules",))),
        )

"""Answering from what was verified, before any model is asked."""

import asyncio
from collections.abc import Sequence
from typing import Final

from contracts.identity import Identity
from contracts.sql_generator import DatabaseSchema, Generate
from persistence import Database
from sql_generator.domain.precedents import Precedent, still_holds
from sql_generator.domain.questions import wording
from sql_generator.generation.intents import intent_of
from sql_generator.generation.model import Draft, Example
from sql_generator.generation.offline.catalogue import catalogue_of
from sql_generator.generation.reuse.answers import Reuse
from sql_generator.generation.reuse.moments import grows_old
from sql_generator.repository import precedents
from sql_generator.use_cases.context import Gathered

PRECEDENT: Final = "pattern"
"""What stands in an answer for the model, where none was asked."""

_SAME: Final = {"person": 0.98, "success": 0.9}
_OTHER_VALUES: Final = {"person": 0.92, "success": 0.82}
_VERIFIED: Final = {"person": "a person verified it", "success": "it worked for several questions"}


class Precedents:
    """Finds the verified answer to a question: to the same one, or to the same one about other values."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(
        self, request: Generate, gathered: Gathered, schema: DatabaseSchema, owner: Identity
    ) -> Draft | None:
        """A draft that still has to pass every check; None where a model is to be asked."""
        ids = [example.pattern_id for example in gathered.examples if example.trust == "verified"]
        if not ids:
            return None
        async with self._database.transaction(tenant_id=owner.tenant_id, user_id=owner.user_id) as transaction:
            found = await precedents.still_verified(transaction, owner, ids)
        holding = [
            precedent
            for precedent in sorted(found, key=lambda precedent: precedent.weight, reverse=True)
            if still_holds(
                precedent,
                request.question,
                turns=gathered.turns,
                rules=gathered.rules,
                memories=gathered.memories,
            )
        ]
        return await asyncio.to_thread(draft_from, request.question, schema, holding) if holding else None


def draft_from(question: str, schema: DatabaseSchema, holding: Sequence[Precedent]) -> Draft | None:
    """The draft that the first precedent for the question makes."""
    for precedent in holding:
        same = wording(precedent.question) == wording(question)
        if same and not grows_old(precedent.sql, schema.dialect, question):
            return _draft(
                precedent, precedent.sql, schema, _SAME, "The same question was answered before with this SQL"
            )
    by_id = {precedent.pattern_id: precedent for precedent in holding if not precedent.is_doubted}
    examples = [Example(one.pattern_id, one.question, one.sql, "verified", 1.0) for one in by_id.values()]
    changed = Reuse(question, catalogue_of(schema), {}).with_other_literals(examples, known_only=True)
    if changed is None:
        return None
    precedent = by_id[changed.example.pattern_id]
    how = f"The same question about other values ({precedent.question!r}) was answered before; the values are replaced"
    return _draft(precedent, changed.sql, schema, _OTHER_VALUES, how)


def _draft(precedent: Precedent, sql: str, schema: DatabaseSchema, confidence: dict[str, float], how: str) -> Draft:
    return Draft(
        sql,
        f"{how}, and {_VERIFIED[precedent.verified_by]}. No model was asked.",
        intent_of(sql, schema.dialect),
        confidence[precedent.verified_by],
        used_rules=precedent.rule_ids,
        used_examples=(precedent.pattern_id,),
        model=PRECEDENT,
    )

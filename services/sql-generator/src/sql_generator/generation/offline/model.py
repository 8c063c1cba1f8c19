"""The model that needs no key and no network: past answers first, else SQL composed from the schema, else a refusal."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

from sql_generator.domain.followups import addition
from sql_generator.generation.intents import intent_of
from sql_generator.generation.model import Draft, Example, GenerationContext
from sql_generator.generation.offline.answering import Composed, NotComposed, compose
from sql_generator.generation.offline.catalogue import Catalogue, catalogue_of
from sql_generator.generation.offline.definitions import Definition, Knowledge, Wish, understand
from sql_generator.generation.offline.followups import in_full, question_before
from sql_generator.generation.offline.sql.rendering import with_aliases
from sql_generator.generation.offline.statements import asks_for_change, typed_sql
from sql_generator.generation.reuse.answers import Reuse, Reused

_SURE = {
    "same": {"verified": 0.98, "candidate": 0.9},
    "literals": {"verified": 0.92, "candidate": 0.82},
    "paraphrase": {"verified": 0.75, "candidate": 0.6},
}
_HOW_REUSED = {
    "same": "the same question was answered before with this SQL",
    "literals": "the same question about other values was answered before; the values are replaced",
    "paraphrase": "a question that seems to ask the same in other words was answered before with this SQL",
}
_MOST_NAMED = 5
_MOST_SURE_WITHOUT_SQL = 0.29


def _today() -> date:
    return datetime.now(UTC).date()


class OfflineModel:
    """Writes SQL without a language model, the same for the same context on the same day.

    `confidence` is at least 0.3 where there is SQL. Without SQL it is at most 0.29, in proportion to the share of the
    question's content words that were understood, and the explanation names the others.
    """

    name = "offline"

    def __init__(self, today: Callable[[], date] = _today) -> None:
        self._today = today

    async def draft(self, context: GenerationContext) -> Draft:
        """A draft for the question; it never raises for want of an answer, but abstains."""
        return await asyncio.to_thread(self.answer, context)

    async def close(self) -> None:
        """Nothing to release."""

    def answer(self, context: GenerationContext) -> Draft:
        """The same draft, worked out on the calling thread: a few milliseconds, more for a schema not seen before."""
        catalogue = catalogue_of(context.schema)
        if (typed := typed_sql(context.question, catalogue)) is not None:
            explanation = "Offline: the question is an SQL statement and is passed on as it is."
            return _untried(context, Draft(typed, explanation, intent_of(typed, context.schema.dialect), 0.9))
        if (verb := asks_for_change(context.question)) is not None:
            return _abstained(f"I only read data, so I cannot {verb} anything.", 0.0)
        knowledge = understand(context, catalogue)
        added, before = addition(context.question), question_before(context.turns)
        if added is not None and before is not None:
            return self._follow_up(before, added, context, catalogue, knowledge)
        refusal: Draft | None = None
        for candidate in self._candidates(context, catalogue, knowledge):
            if candidate.sql is None:
                refusal = refusal or candidate
            elif not _tried(context, candidate.sql):
                return candidate
        if added is not None:
            return _unrelated(context.question)
        return refusal or _failed(context)

    def _follow_up(
        self, before: str, added: str, context: GenerationContext, catalogue: Catalogue, knowledge: Knowledge
    ) -> Draft:
        """The question before with what this one adds, where the grammar understands that; else what to ask back."""
        for question in in_full(before, added, catalogue, knowledge.terms):
            answer = compose(replace(context, question=question), catalogue, knowledge, self._today())
            if isinstance(answer, Composed) and not _tried(context, answer.sql):
                draft = _composed(answer, catalogue, None)
                said = draft.explanation.replace("Offline: ", f"Offline: I read it as {question!r}, ", 1)
                return replace(draft, explanation=said, question_in_full=question)
        return _abstained(
            f"I do not see how {context.question!r} goes on from {before!r}.", 0.1, "Can you ask the whole question?"
        )

    def _candidates(self, context: GenerationContext, catalogue: Catalogue, knowledge: Knowledge) -> Iterator[Draft]:
        """Drafts, best first: what a person verified, what was told, what worked before, what the schema says."""
        reuse = Reuse(context.question, catalogue, knowledge.terms)
        verified = [example for example in context.examples if example.trust == "verified"]
        others = [example for example in context.examples if example.trust == "candidate"]
        yield from _reused(reuse.same(verified), reuse.with_other_literals(verified), catalogue, knowledge)
        answer = compose(context, catalogue, knowledge, self._today())
        drafts = (
            [_composed(answer, catalogue, reuse.with_sql(answer.sql, context.examples))]
            if isinstance(answer, Composed)
            else []
        )
        if isinstance(answer, Composed) and answer.used:
            yield from drafts
        yield from _reused(reuse.same(others), reuse.with_other_literals(others), catalogue, knowledge)
        yield from _reused(reuse.paraphrase(verified), None, catalogue, knowledge)
        yield from drafts
        yield from _reused(reuse.paraphrase(others), None, catalogue, knowledge)
        if isinstance(answer, NotComposed):
            yield _not_composed(answer)


def _failed(context: GenerationContext) -> Draft:
    return _abstained(f"The only SQL I can write for this did not work: {context.attempts[-1].error}", 0.1)


def _unrelated(question: str) -> Draft:
    ask_back = f"What does {question!r} refer to? Please ask the whole question."
    return _abstained("the question seems to go on from another one, and I do not know which.", 0.1, ask_back)


def _tried(context: GenerationContext, sql: str) -> bool:
    return any(" ".join(attempt.sql.split()) == " ".join(sql.split()) for attempt in context.attempts)


def _untried(context: GenerationContext, draft: Draft) -> Draft:
    if draft.sql is None or not _tried(context, draft.sql):
        return draft
    return _abstained(f"That statement did not work: {context.attempts[-1].error}", 0.1)


def _abstained(explanation: str, confidence: float, ask_back: str | None = None) -> Draft:
    return Draft(None, f"Offline: {explanation}", None, round(confidence, 2), clarifying_question=ask_back)


def _reused(first: Reused | None, second: Reused | None, catalogue: Catalogue, knowledge: Knowledge) -> Iterator[Draft]:
    for reused in (first, second):
        if reused is None:
            continue
        trust = reused.example.trust
        checked = " and verified" if trust == "verified" else ""
        dialect = catalogue.schema.dialect
        wish = knowledge.aliases
        yield Draft(
            reused.sql if wish is None else with_aliases(reused.sql, dialect),
            f"Offline: {_HOW_REUSED[reused.kind]}{checked} ({reused.example.question!r}).",
            intent_of(reused.sql, dialect),
            _SURE[reused.kind][trust],
            used_memories=_origins([wish], "memory") if wish is not None else (),
            used_rules=_origins([wish], "rule") if wish is not None else (),
            used_examples=(reused.example.pattern_id,),
        )


def _composed(answer: Composed, catalogue: Catalogue, precedent: Example | None) -> Draft:
    sentences = [f"Offline: composed from the schema, reading {_enumerated(answer.tables)}."]
    definitions = [used for used in answer.used if isinstance(used, Definition)]
    if definitions:
        quoted = "; ".join(dict.fromkeys(f'"{definition.text}"' for definition in definitions))
        sentences.append(f"It follows what I was told: {quoted}.")
    if precedent is not None:
        sentences.append(f"The same SQL answered {precedent.question!r} before.")
    if answer.assumptions:
        sentences.append(f"I {'; '.join(answer.assumptions)}.")
    return Draft(
        answer.sql,
        " ".join(sentences),
        intent_of(answer.sql, catalogue.schema.dialect),
        round(answer.certainty, 2),
        used_memories=_origins(answer.used, "memory"),
        used_rules=_origins(answer.used, "rule"),
        used_examples=(precedent.pattern_id,) if precedent is not None else (),
    )


def _origins(used: Sequence[Definition | Wish], origin: str) -> tuple[UUID, ...]:
    return tuple(dict.fromkeys(one.origin_id for one in used if one.origin == origin))


def _not_composed(answer: NotComposed) -> Draft:
    confidence = _MOST_SURE_WITHOUT_SQL * answer.known_share
    if answer.unknown:
        words = [repr(word) for word in answer.unknown[:_MOST_NAMED]]
        example = answer.unknown[0].capitalize()
        return _abstained(
            f"I do not know what {_enumerated(words)} {'means' if len(words) == 1 else 'mean'} here. "
            f'Tell me, for example: "{example} means sum(a_table.a_column)".',
            confidence,
            f"What {'does' if len(words) == 1 else 'do'} {_enumerated(words)} mean?",
        )
    if answer.misplaced:
        words = [repr(word) for word in answer.misplaced[:_MOST_NAMED]]
        ask_back = f"Can you ask it without {_enumerated(words)}?"
        return _abstained(f"I do not understand {_enumerated(words)} in this question.", confidence, ask_back)
    return _abstained(answer.reason, confidence, answer.ask_back)


def _enumerated(words: Sequence[str]) -> str:
    return " and ".join((", ".join(words[:-1]), words[-1])) if len(words) > 1 else "".join(words)

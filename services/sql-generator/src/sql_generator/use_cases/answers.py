"""Answers: what is said of a question, and what is kept of it."""

from contracts.sql_generator import Answer, DatabaseSchema, Generate, QueryStatus, UsedMemory, UsedPattern
from sql_generator.domain.charts import chart_for
from sql_generator.domain.used_names import Names, used_names
from sql_generator.generation.quoting import cut
from sql_generator.repository.data_sources import StoredSource
from sql_generator.repository.patterns import Pattern
from sql_generator.rules.rulebook import RuleBook
from sql_generator.use_cases.accounts import Meter
from sql_generator.use_cases.context import Gathered
from sql_generator.use_cases.precedents import PRECEDENT
from sql_generator.use_cases.recommending import Choice
from sql_generator.use_cases.writing import Run, Written

_MEMORY_CHARS = 200


def answer_of(
    request: Generate,
    stored: StoredSource,
    gathered: Gathered,
    rules: RuleBook,
    written: Written,
    meter: Meter,
) -> Answer:
    """The answer to a question for which this was written."""
    draft = written.draft
    model = (draft.model if draft else "") or meter.name
    sql = written.judgement.verdict.sql if written.judgement else None
    # What shaped a statement that did not pass shaped nothing.
    used = draft if draft and sql else None
    return Answer(
        query_id=request.query_id,
        question=request.question,
        data_source_id=stored.source.data_source_id,
        conversation_id=request.conversation_id,
        status=written.status,
        sql=sql,
        explanation=draft.explanation if draft else "",
        intent=draft.intent if used and draft else None,
        confidence=draft.confidence if draft and (sql or written.status == "abstained") else 0.0,
        model=model,
        memories=tuple(
            UsedMemory(
                memory_id=memory.memory_id,
                content=cut(memory.content, _MEMORY_CHARS),
                similarity_score=memory.similarity_score,
            )
            for memory in gathered.memories
            if used and memory.memory_id in used.used_memories
        ),
        rules=rules.used(written.judgement.done, used.used_rules) if used and written.judgement else (),
        patterns=tuple(
            UsedPattern(pattern_id=example.pattern_id, question=example.question, sql=example.sql, trust=example.trust)
            for example in gathered.examples
            if used and example.pattern_id in used.used_examples
        ),
        repairs=written.repairs,
        reason=written.reason,
        question_in_full=draft.question_in_full if draft else None,
        clarifying_question=draft.clarifying_question if draft and written.status == "abstained" else None,
        degraded=(
            *gathered.missing,
            *(() if rules.shows_all else ("rules",)),
            *(() if written.is_explained else ("source",)),
            *(() if model in {meter.name, PRECEDENT} else ("model",)),
        ),
        warnings=meter.warnings,
        usage=meter.usage,
        advice=written.advice,
        result=(result := written.run.result if written.run else None),
        chart=chart_for(result) if result else None,
    )


def which_source(request: Generate, choice: Choice) -> Answer:
    """The answer while several sources may be meant. It is not kept: the same query id may name one of them."""
    return Answer(
        query_id=request.query_id,
        question=request.question,
        data_source_id=None,
        recommended_sources=choice.candidates,
        conversation_id=request.conversation_id,
        status="abstained",
        sql=None,
        explanation="",
        intent=None,
        confidence=0.0,
        model="",
        reason="the question names no data source, and several may be meant",
        clarifying_question=choice.ask_back,
    )


def pattern_of(answer: Answer, written: Written, gathered: Gathered, schema: DatabaseSchema) -> Pattern:
    """What is kept of a question."""
    judgement = written.judgement
    used = used_names(judgement.verdict, schema) if judgement else Names((), ())
    return Pattern(
        answer=answer,
        signature=judgement.signature if judgement else None,
        tables=used.tables,
        columns=used.columns,
        was_successful=was_successful(written.run) if written.run else _unsuccessful(answer.status),
        embedding=gathered.embedding,
        drafted=judgement.drafted if judgement else None,
        # What a lesser model has no answer to may be asked again once the first one is back.
        is_final=not (answer.status == "abstained" and "model" in answer.degraded),
    )


def _unsuccessful(status: QueryStatus) -> bool | None:
    """A statement that was not run may still turn out well; where there is none, nothing will."""
    return None if status == "generated" else False


def was_successful(ran: Run) -> bool | None:
    """Whether a statement turned out well; unknown where the source was away or too slow, which says nothing of it."""
    if ran.result is not None:
        return True
    return False if ran.is_statements_fault else None

"""From a question and a schema to a statement, with everything the answer has to say about itself."""

from dataclasses import dataclass
from datetime import date

from sql_generator.generation.model import GenerationContext
from sql_generator.generation.offline.catalogue import Catalogue
from sql_generator.generation.offline.definitions import Definition, Knowledge, Wish
from sql_generator.generation.offline.ellipsis import spelled_out
from sql_generator.generation.offline.grammar.reading import Reading, read
from sql_generator.generation.offline.grammar.rules import RULES
from sql_generator.generation.offline.joining import JoinGraph
from sql_generator.generation.offline.lexicon import LEAD_VERBS
from sql_generator.generation.offline.linking import link
from sql_generator.generation.offline.plan import Defined, EntityOf
from sql_generator.generation.offline.resolving import Unanswerable, resolve
from sql_generator.generation.offline.sql.composer import composed
from sql_generator.generation.offline.sql.rendering import render
from sql_generator.generation.offline.tokens import tokenize

LEAST_CERTAIN = 0.3
_FULLY_READ, _COST_WEIGHT, _ASSUMPTION_WEIGHT = 0.9, 0.25, 0.1


@dataclass(frozen=True, slots=True)
class Composed:
    """A statement the model wrote itself. `certainty` runs from 0 to 1; `used` are the definitions that shaped it."""

    sql: str
    certainty: float
    tables: tuple[str, ...]
    used: tuple[Definition | Wish, ...]
    assumptions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NotComposed:
    """Why there is no statement: words nobody explained, words that fit nowhere, or a reason in a sentence, with what
    to ask back.
    """

    unknown: tuple[str, ...] = ()
    misplaced: tuple[str, ...] = ()
    reason: str = ""
    ask_back: str | None = None
    known_share: float = 0.0


def compose(
    context: GenerationContext, catalogue: Catalogue, knowledge: Knowledge, today: date
) -> Composed | NotComposed:
    """The statement for the question of `context`, or why there is none."""
    tokens = spelled_out(tokenize(context.question), catalogue)
    items = link(tokens, catalogue, knowledge.terms)
    reading = Reading(items, catalogue, today)
    read(reading, RULES)
    if reading.unread:
        return _not_understood(reading)
    _settle_sentences(reading)
    reason = _unfinished(reading)
    if reason:
        return NotComposed(reason=reason, known_share=0.5)
    graph = JoinGraph(catalogue, context.knowledge.joins, (token.lower for token in tokens))
    try:
        return _composed(reading, catalogue, graph, knowledge)
    except Unanswerable as problem:
        return NotComposed(reason=str(problem), known_share=0.5)


def _not_understood(reading: Reading) -> NotComposed:
    unread = reading.unread
    content = [item for item in reading.items if not item.light]
    unknown = [item.text for item in unread if not item.operators and not item.named]
    misplaced = [item.text for item in unread if item.operators or item.named]
    return NotComposed(
        tuple(dict.fromkeys(unknown)),
        tuple(dict.fromkeys(misplaced)),
        known_share=max(0.0, 1 - len(unread) / max(1, len(content))),
    )


def _settle_sentences(reading: Reading) -> None:
    """As in "Which customers have no orders? List their names." shows the names only."""
    shown = reading.plan.shown
    first, later = shown[: reading.sentence_shown], shown[reading.sentence_shown :]
    if later and all(isinstance(operand, EntityOf) for operand in first):
        reading.plan.shown = later
        reading.plan.context += [operand.phrase for operand in first if isinstance(operand, EntityOf)]


def _unfinished(reading: Reading) -> str:
    if reading.negated:
        return "I do not see what is denied."
    if reading.top_open or (reading.top is not None and reading.plan.limit is None and not reading.plan.order):
        return "I do not see by what the top ones are to be chosen."
    if reading.plan.for_each and reading.plan.limit is not None:
        return "I can find the first of all rows, but not the first of each group."
    if not reading.plan.shown and not reading.plan.groups:
        return "I do not see what the question wants to know."
    return ""


def _composed(reading: Reading, catalogue: Catalogue, graph: JoinGraph, knowledge: Knowledge) -> Composed | NotComposed:
    plan = reading.plan
    fixed = [table for operand in plan.shown if isinstance(operand, Defined) for table in operand.definition.tables]
    resolution = resolve(plan, graph, fixed)
    if resolution.unsure is not None:
        reason = f"I am not sure which table {resolution.unsure!r} belongs to; please name it."
        ask_back = f"Which table does {resolution.unsure!r} belong to?"
        return NotComposed(reason=reason, ask_back=ask_back, known_share=0.5)
    if reading.top is not None and plan.limit is None:
        plan.limit = reading.top
    composition = composed(plan, resolution, catalogue, graph, knowledge, wide=_wide(reading))
    aliases = knowledge.aliases
    sql = render(composition.tree, catalogue.schema.dialect, aliases=aliases is not None)
    used = [*composition.used, *([aliases] if aliases is not None else [])]
    certainty = _FULLY_READ - _COST_WEIGHT * resolution.cost - _ASSUMPTION_WEIGHT * len(reading.assumptions)
    return Composed(
        sql=sql,
        certainty=max(LEAST_CERTAIN, certainty),
        tables=composition.tables,
        used=tuple(dict.fromkeys(used)),
        assumptions=tuple(reading.assumptions),
    )


def _wide(reading: Reading) -> bool:
    """As in "show me all products" wants every column; "which products" wants their names."""
    words = [item.word for item in reading.items[:3]]
    plan = reading.plan
    return any(word in LEAD_VERBS for word in words) and not plan.order and not plan.conditions and not plan.distinct

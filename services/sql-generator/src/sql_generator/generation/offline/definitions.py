"""What memories and rules define, in a few precise sentence forms; every other sentence is left alone.

Memories and rules are text that anyone may have written. A sentence counts only when its expression parses, all its
nodes are arithmetic, comparison or one of a few pure functions, and each column in it exists and is unambiguous. What
comes out is a syntax tree over columns of this schema, so that no sentence can add a table, a call or a statement.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple
from uuid import UUID

from sqlglot import exp

from sql_generator.domain.remembering import tells_of_an_answer
from sql_generator.generation.model import GenerationContext
from sql_generator.generation.offline.catalogue import Catalogue
from sql_generator.generation.offline.expressions import condition, quantity
from sql_generator.generation.offline.naming import Words
from sql_generator.generation.offline.tokens import lemma, tokenize

Origin = Literal["memory", "rule"]

_SENTENCE_END = re.compile(r"(?<=[.!;])\s+(?=[A-Z])|[\n;]+")
_DEFINITION = re.compile(
    r"^(?:by|when i say|with)?\s*(?:the (?:term|word|metric|measure)\s+)?[\"'“]?(?P<term>[^\W\d][\w\s-]{0,60}?)[\"'”]?"
    r",?\s+(?:(?:we|i) mean|means?|(?:is|are) (?:always )?(?:defined|calculated|computed|measured) as|equals?"
    r"|refers? to|=|is|are)\s+(?P<body>\S.*)$",
    re.IGNORECASE,
)
_CALLED = re.compile(
    r"^(?:an?|the|all|any)?\s*(?P<table>[\w\s]+?)\s+(?:is|are|counts? as)\s+(?:considered\s+|called\s+)?"
    r"(?P<adjective>\w+)\s+(?:when|if|whenever)\s+(?:its|their|the|his|her|they have an?|it has an?)?\s*"
    r"(?P<condition>.+)$",
    re.IGNORECASE,
)
_WHERE = re.compile(r"\s+(?:where|for which|but only where|only where)\s+", re.IGNORECASE)
_ARTICLE = re.compile(r"^(?:an?|the|all|our|any|every)\s+", re.IGNORECASE)
_RELATIVE = re.compile(
    r"^(?:(?:an?|the|any|all|every)\s+)?(?P<table>[\w\s]*?)\s*\b(?:whose|with an?|with|where|having|that have|that has|"
    r"that are|who are|who have|who has|in which|for which|when)\b\s*(?:an?\s|the\s)?(?P<condition>.+)$",
    re.IGNORECASE,
)
_BY_DEFAULT = re.compile(
    r"^(?:by default|always|please|in general|unless (?:i|we) say otherwise)\s*,?\s*", re.IGNORECASE
)
_EXCLUDE = re.compile(
    r"^(?:always\s+)?(?:exclude|ignore|omit|leave out|skip"
    r"|(?:never|do not|don['’]t) (?:count|include|consider|show|use|report))\s+(?P<what>.+)$",
    re.IGNORECASE,
)
_ONLY = re.compile(
    r"^(?:always\s+)?(?:only (?:count|include|consider)|(?:count|include|consider) only)\s+(?P<what>.+)$",
    re.IGNORECASE,
)
_PREFERENCE = re.compile(r"\b(?:prefers?|always|wants?|likes?|please|use|must|should|every|all)\b", re.IGNORECASE)
_REFUSAL = re.compile(r"\b(?:never|no|not|don['’]t|avoid|without|dislikes?|hates?)\b", re.IGNORECASE)
_ALIASES = re.compile(r"\balias(?:es|ed)?\b", re.IGNORECASE)
_LIMIT = re.compile(
    r"\b(?:limit(?:ed)?\s+(?:[\w\s]{0,30}?\s)?to|at most|no more than|limit)\s+(?P<count>\d{1,6})\b",
    re.IGNORECASE,
)
_ROUND = re.compile(
    r"\bround(?:ed)?\b[\w\s]{0,40}?\bto\s+(?P<digits>\d|two|one|three|zero)\s+(?:decimals?|digits|places)",
    re.IGNORECASE,
)
_SORT = re.compile(
    r"\b(?:sorted|ordered|sort|order)\b[\w\s]{0,30}?\bby\s+(?:the\s+)?(?P<column>[\w\s]{1,40}?)"
    r"(?P<down>\s*,?\s*(?:desc(?:ending)?|(?:in )?descending order|(?:highest|largest|newest|latest) first))?\s*\.?$",
    re.IGNORECASE,
)
_DIGITS = {"zero": 0, "one": 1, "two": 2, "three": 3}
_MAX_CONTENT_CHARS = 2_000


@dataclass(frozen=True, slots=True)
class Definition:
    """What a term stands for: a `quantity`, or a `condition` that rows of `table` meet.

    `expression` names its columns as `table.column`; `label` is the term as a column of a result is called. A quantity
    may hold only under `only_where`.
    """

    origin: Origin
    origin_id: UUID
    term: Words
    kind: Literal["quantity", "condition"]
    expression: exp.Expr
    table: str
    text: str
    label: str = ""
    only_where: exp.Expr | None = None

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables whose columns it needs."""
        trees = (self.expression, self.only_where) if self.only_where is not None else (self.expression,)
        found = [column.table for tree in trees for column in tree.find_all(exp.Column)]
        return tuple(dict.fromkeys(found)) or (self.table,)

    @property
    def aggregated(self) -> bool:
        """Whether it is an aggregate already."""
        return self.expression.find(exp.AggFunc) is not None


@dataclass(frozen=True, slots=True)
class Wish:
    """How someone likes every answer: a number (rows, decimals) or a phrase (the column to sort by)."""

    origin: Origin
    origin_id: UUID
    number: int = 0
    phrase: Words = ()
    descending: bool = False


@dataclass(slots=True)
class Knowledge:
    """All that the memories and rules of a question define, rules first."""

    terms: dict[Words, Definition] = field(default_factory=dict)
    standing: list[Definition] = field(default_factory=list)
    aliases: Wish | None = None
    limit: Wish | None = None
    decimals: Wish | None = None
    sort: Wish | None = None


def understand(context: GenerationContext, catalogue: Catalogue) -> Knowledge:
    """What the rules and memories of `context` define for this schema; of two definitions of a term the first holds."""
    knowledge = Knowledge()
    for origin, origin_id, content, binding in _texts(context):
        for sentence in _sentences(content[:_MAX_CONTENT_CHARS]):
            _learn_wish(knowledge, sentence, origin, origin_id, binding=binding)
            standing = _standing(sentence, catalogue, origin, origin_id)
            if standing is not None:
                knowledge.standing.append(standing)
                continue
            definition = _definition(sentence, catalogue, origin, origin_id)
            if definition is not None:
                knowledge.terms.setdefault(definition.term, definition)
    return knowledge


def _texts(context: GenerationContext) -> Iterator[tuple[Origin, UUID, str, bool]]:
    """Who says what, and whether it is a rule: of other memories, an imperative may have been said of one answer."""
    # A filter of ours beside that of an automatic rule would leave out more than the rule: rows without a value.
    yield from (("rule", rule.rule_id, rule.rule_content, True) for rule in context.rules if not rule.is_automatic)
    yield from (
        ("memory", memory.memory_id, memory.content, memory.memory_type == "rule")
        for memory in context.memories
        if not tells_of_an_answer(memory.content)
    )


def _sentences(content: str) -> Iterable[str]:
    return (part.strip().rstrip(".!").strip() for part in _SENTENCE_END.split(content) if part.strip())


def _definition(sentence: str, catalogue: Catalogue, origin: Origin, origin_id: UUID) -> Definition | None:
    found = _called(sentence, catalogue) or _defined(sentence, catalogue)
    if found is None:
        return None
    table = next(found.expression.find_all(exp.Column)).table
    return Definition(
        origin, origin_id, found.term, found.kind, found.expression, table, sentence, found.label, found.only_where
    )


class _Meaning(NamedTuple):
    term: Words
    kind: Literal["quantity", "condition"]
    expression: exp.Expr
    label: str = ""
    only_where: exp.Expr | None = None


def _called(sentence: str, catalogue: Catalogue) -> _Meaning | None:
    """As in "a product is expensive when its price is over 300"."""
    match = _CALLED.match(sentence)
    table = _table(match["table"], catalogue) if match is not None else None
    if match is None or table is None:
        return None
    tree = condition(match["condition"], catalogue, (table,))
    return (
        None if tree is None else _Meaning((*_lemmas(match["adjective"]), *_lemmas(match["table"])), "condition", tree)
    )


def _defined(sentence: str, catalogue: Catalogue) -> _Meaning | None:
    """As in "revenue means sum(a * b)", "big customers are customers with segment 'enterprise'"."""
    match = _DEFINITION.match(sentence)
    term = _lemmas(match["term"]) if match is not None else ()
    if match is None or not term or catalogue.names(term):
        return None
    body = match["body"].strip()
    own_table = _table(term[-1], catalogue)
    relative = _RELATIVE.match(body)
    table = (_table(relative["table"], catalogue) or own_table) if relative is not None else None
    if relative is not None and table is not None:
        tree = condition(relative["condition"], catalogue, (table,))
        if tree is not None:
            return _Meaning(term, "condition", tree)
    measured = _measured(body, term, _label(match["term"]), catalogue)
    if measured is not None:
        return measured
    tree = condition(body, catalogue, (own_table,) if own_table is not None else ())
    return None if tree is None else _Meaning(term, "condition", tree)


def _measured(body: str, term: Words, label: str, catalogue: Catalogue) -> _Meaning | None:
    """A quantity, perhaps of some rows only ("… where status is paid")."""
    where = _WHERE.search(body)
    tree = quantity(_ARTICLE.sub("", body[: where.start()] if where else body), catalogue)
    if tree is None or where is None:
        return None if tree is None else _Meaning(term, "quantity", tree, label)
    only_where = condition(body[where.end() :], catalogue, ())
    return None if only_where is None else _Meaning(term, "quantity", tree, label, only_where)


def _label(term: str) -> str:
    return "_".join(re.findall(r"\w+", _ARTICLE.sub("", term).lower()))


def _standing(sentence: str, catalogue: Catalogue, origin: Origin, origin_id: UUID) -> Definition | None:
    """A condition on every answer: "exclude cancelled orders", "only count orders with status 'paid'"."""
    rest = _BY_DEFAULT.sub("", sentence)
    for pattern, excluded in ((_EXCLUDE, True), (_ONLY, False)):
        match = pattern.match(rest)
        if match is None:
            continue
        tree = _described(match["what"], catalogue)
        if tree is None:
            return None
        table = next(tree.find_all(exp.Column)).table
        held = exp.not_(exp.paren(tree)) if excluded else tree
        return Definition(origin, origin_id, (), "condition", held, table, sentence)
    return None


def _described(what: str, catalogue: Catalogue) -> exp.Expr | None:
    """The condition in "orders with status 'paid'" or "cancelled and refunded orders"."""
    relative = _RELATIVE.match(what)
    if relative is not None and (table := _table(relative["table"], catalogue)) is not None:
        found = condition(relative["condition"], catalogue, (table,))
        return found if found is not None else _of_values(relative["condition"], table, catalogue)
    words = [token.lower for token in tokenize(what)]
    for count in (3, 2, 1):
        table = _table(" ".join(words[-count:]), catalogue) if len(words) > count else None
        if table is not None:
            return _of_values(" ".join(words[:-count]), table, catalogue)
    return None


def _of_values(text: str, table: str, catalogue: Catalogue) -> exp.Expr | None:
    """`table.column IN (…)` for known values of one column, joined by "and", "or" or commas."""
    parts = [part.strip(" '\"") for part in re.split(r",|\band\b|\bor\b", text.lower()) if part.strip(" '\"")]
    found = []
    for part in parts:
        words = tuple(token.lower for token in tokenize(part))
        values = [candidate for candidate in catalogue.values(words) if candidate.table == table]
        if len(values) != 1:
            return None
        found += values
    if not found or len({candidate.column for candidate in found}) != 1:
        return None
    column = exp.column(found[0].column or "", table=table)
    literals = [exp.Literal.string(candidate.value or "") for candidate in found]
    return exp.EQ(this=column, expression=literals[0]) if len(literals) == 1 else column.isin(*literals)


def _lemmas(text: str) -> Words:
    return tuple(lemma(token.lower) for token in tokenize(_ARTICLE.sub("", text.strip())))


def _table(text: str, catalogue: Catalogue) -> str | None:
    words = _lemmas(text)
    tables = [candidate for candidate in catalogue.names(words) if candidate.column is None] if words else []
    return tables[0].table if tables and (len(tables) == 1 or tables[0].score > tables[1].score) else None


def _learn_wish(knowledge: Knowledge, sentence: str, origin: Origin, origin_id: UUID, *, binding: bool) -> None:
    if _REFUSAL.search(sentence) or not (binding or _PREFERENCE.search(sentence)):
        return
    if _ALIASES.search(sentence) and knowledge.aliases is None:
        knowledge.aliases = Wish(origin, origin_id)
    if (match := _LIMIT.search(sentence)) and knowledge.limit is None and int(match["count"]):
        knowledge.limit = Wish(origin, origin_id, number=int(match["count"]))
    if (match := _ROUND.search(sentence)) and knowledge.decimals is None:
        digits = match["digits"].lower()
        knowledge.decimals = Wish(origin, origin_id, number=_DIGITS.get(digits, 0) or int(digits.isdigit() and digits))
    if (match := _SORT.search(sentence)) and knowledge.sort is None:
        phrase = tuple(token.lemma for token in tokenize(match["column"]))
        knowledge.sort = Wish(origin, origin_id, phrase=phrase, descending=bool(match["down"]))

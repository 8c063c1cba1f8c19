"""Which words of a question name operators, tables, columns, values and defined terms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sql_generator.generation.offline.catalogue import Candidate, Catalogue
from sql_generator.generation.offline.definitions import Definition
from sql_generator.generation.offline.lexicon import ARTICLES, LIGHT_WORDS, VAGUE_NOUNS, listed
from sql_generator.generation.offline.naming import PREPOSITIONS, Words, heard
from sql_generator.generation.offline.operators import OPERATORS, Operator
from sql_generator.generation.offline.tokens import Token, tokenize

_LONGEST_OPERATOR = max(map(len, OPERATORS))
_SHORTEST_VERB = 4
_FULL = 0.93
_LIGHT_NOUNS = frozenset(
    listed(
        """
    record records entry entries list lists detail details information result results data place places host
    hosts offer offers work works report reports use uses output table tables database thing things
    """
    )
)
_NEVER_AT_AN_EDGE = LIGHT_WORDS - _LIGHT_NOUNS


@dataclass(frozen=True, slots=True)
class Item:
    """A run of tokens and everything it may mean; the grammar decides by what stands around it."""

    tokens: tuple[Token, ...]
    operators: tuple[Operator, ...] = ()
    tables: tuple[Candidate, ...] = ()
    columns: tuple[Candidate, ...] = ()
    values: tuple[Candidate, ...] = ()
    term: Definition | None = None
    acts: tuple[Candidate, ...] = ()
    verb: bool = field(default=False, kw_only=True)

    @property
    def text(self) -> str:
        """The words as the question has them."""
        return " ".join(token.text for token in self.tokens)

    @property
    def word(self) -> str:
        """The lower-case words."""
        return " ".join(token.lower for token in self.tokens)

    @property
    def literal(self) -> str | None:
        """The number, date or quoted text, when it is one."""
        token = self.tokens[0]
        return token.value if len(self.tokens) == 1 and token.kind in {"number", "quoted", "date"} else None

    @property
    def number(self) -> str | None:
        """The number in digits, when it is one."""
        return self.literal if self.tokens[0].kind == "number" else None

    @property
    def unit(self) -> str:
        """The sign behind a number that its digits do not take in ("5 %" is not 5)."""
        return "%" if self.number is not None and self.tokens[0].text.endswith("%") else ""

    @property
    def whole_number(self) -> int | None:
        """The number, when it is one without a sign or decimals."""
        return int(self.number) if self.number is not None and self.number.isdigit() else None

    @property
    def averages(self) -> bool:
        """Whether it says "average"."""
        return any(operator.kind == "aggregate" and operator.argument == "AVG" for operator in self.operators)

    @property
    def light(self) -> bool:
        """Whether it says nothing by itself."""
        if self.named or self.tokens[0].kind in {"number", "quoted", "date"}:
            return False
        return self.operator("light") is not None or all(
            token.kind == "mark" or token.lower in LIGHT_WORDS for token in self.tokens
        )

    @property
    def named(self) -> bool:
        """Whether it names something of the schema."""
        return bool(self.tables or self.columns or self.values or self.term)

    def operator(self, kind: str) -> Operator | None:
        """The operator of that kind it may stand for."""
        return next((operator for operator in self.operators if operator.kind == kind), None)


def link(tokens: Sequence[Token], catalogue: Catalogue, terms: Mapping[Words, Definition]) -> list[Item]:
    """The question as items from left to right, each the longest run of words that means something."""
    items: list[Item] = []
    longest = max(catalogue.longest + 2, _LONGEST_OPERATOR, *map(len, terms), 1)
    position = 0
    while position < len(tokens):
        item = _longest(tokens, position, catalogue, terms, longest)
        items.append(item)
        position += len(item.tokens)
    return _proper_names(items)


def _longest(
    tokens: Sequence[Token], start: int, catalogue: Catalogue, terms: Mapping[Words, Definition], longest: int
) -> Item:
    for end in range(min(len(tokens), start + longest), start, -1):
        item = _reading(tuple(tokens[start:end]), catalogue, terms)
        if item is not None and not (end - start > 1 and _starts_comparison(tokens, end - 1)):
            return item
    return Item((tokens[start],))


def _reading(span: tuple[Token, ...], catalogue: Catalogue, terms: Mapping[Words, Definition]) -> Item | None:
    lowered = tuple(token.lower for token in span)
    lemmas = tuple(token.lemma for token in span)
    operators = () if _article_at_edge(lowered) else OPERATORS.get(tuple(w for w in lowered if w not in ARTICLES), ())
    if len(span) == 1 and span[0].kind in {"number", "date"}:
        return Item(span)
    if len(span) == 1 and span[0].kind == "quoted":
        words = tuple(token.lower for token in tokenize(span[0].text) if token.kind != "mark")
        return Item(span, values=catalogue.values(words))
    if any(token.kind in {"quoted", "mark"} for token in span):
        return Item(span, operators) if operators else None
    values = catalogue.values(lowered) or catalogue.values(lemmas)
    edges = {span[0].lower, span[-1].lower}
    names: tuple[Candidate, ...] = ()
    if edges & PREPOSITIONS or (len(span) > 1 and edges & _NEVER_AT_AN_EDGE):
        names = tuple(name for name in catalogue.names(lemmas) if name.score > _FULL)
    else:
        names = catalogue.names(heard(lemmas))
        if "of" in lemmas:  # "fans of clubs" is not the fans' column "club"
            names = tuple(name for name in names if not name.owned) or _turned(lemmas, catalogue)
    verbs = _acts(lowered, operators, catalogue) if len(span) == 1 and not values else ()
    if verbs and not names:
        return Item(span, operators, tables=verbs, verb=True)
    if len(span) == 1 and span[0].lower in LIGHT_WORDS:
        names = tuple(name for name in names if name.score > _FULL and span[0].lower in _LIGHT_NOUNS)
    item = Item(
        span,
        operators,
        tuple(name for name in names if name.column is None),
        tuple(name for name in names if name.column is not None),
        values,
        terms.get(lemmas),
        acts=verbs,
    )
    return item if item.operators or item.named else None


def _starts_comparison(tokens: Sequence[Token], start: int) -> bool:
    """As in "rooms cost more than": the verb belongs to the comparison."""
    return any(
        operator.kind == "compare" and operator.columns
        for length in (3, 4)
        for operator in OPERATORS.get(tuple(token.lower for token in tokens[start : start + length]), ())
    )


def _article_at_edge(lowered: Words) -> bool:
    return len(lowered) > 1 and bool({lowered[0], lowered[-1]} & ARTICLES)


def _acts(lowered: Words, operators: tuple[Operator, ...], catalogue: Catalogue) -> tuple[Candidate, ...]:
    """The tables that a verb speaks of ("ordered": orders)."""
    word = lowered[0]
    if len(word) < _SHORTEST_VERB or word in LIGHT_WORDS or word in VAGUE_NOUNS:
        return ()
    if any(operator.kind != "sorting" for operator in operators):
        return ()
    return catalogue.verbs(word)


def _turned(lemmas: Words, catalogue: Catalogue) -> tuple[Candidate, ...]:
    """As in "type of bed" as "bed type": only what names a column by itself, not a column and its table."""
    if "of" not in lemmas[1:-1] or lemmas[0] in {"number", "count"}:
        return ()
    position = lemmas.index("of")
    if any(name.column is None and name.score > _FULL for name in catalogue.names(lemmas[position + 1 :])):
        return ()
    turned = heard((*lemmas[position + 1 :], *lemmas[:position]))
    return tuple(name for name in catalogue.names(turned) if not name.owned and name.column and name.score > _FULL)


def _proper_names(items: list[Item]) -> list[Item]:
    """Unknown capitalised words that stand together, not at the start of the question, are one name."""
    merged: list[Item] = []
    open_name = False
    for position, item in enumerate(items):
        proper = (
            position > 0
            and item.tokens[0].capitalised
            and not (item.named or item.operators or item.light)
            and items[position - 1].word not in {".", "?", "!"}
        )
        if proper and open_name:
            merged[-1] = Item((_name_token(f"{merged[-1].tokens[0].text} {item.text}"),))
        else:
            merged.append(Item((_name_token(item.text),)) if proper else item)
        open_name = proper
    return merged


def _name_token(text: str) -> Token:
    return Token("quoted", text, text.lower(), text.lower(), text)

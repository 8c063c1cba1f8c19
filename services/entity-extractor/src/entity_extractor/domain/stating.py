"""What a sentence states whose form was recognised: the words in its places as a statement, or nothing where they name
nothing that lasts.
"""

import re
from collections.abc import Callable, Iterator
from typing import TypeAlias

from contracts.entity_extractor import FactKind
from entity_extractor.domain.facts import MAX_SUBJECT_CHARS, TEAM, USER, Statement

States: TypeAlias = Callable[[re.Match[str]], Iterator[Statement]]

_SURE = 0.95
_FAIR = 0.8

# A clause ends here, and what follows is another thought.
_BREAK = re.compile(
    r",\s+(?:so|but|and|by the way|btw|because|since|thanks|please)\b.*$|\s+(?:so|but|because)\s+.*$|,\s*$"
)
_LIST = re.compile(r"\s*,\s*(?:and\s+)?|\s+and\s+")
_QUANTIFIED = re.compile(r"^(?:a (?:bit|little) (?:of )?|some |also )", re.IGNORECASE)
_ARTICLE = re.compile(r"^(?:the|a|an|our|my)\s+", re.IGNORECASE)
# What is not said of anything lasting: pronouns, the answer just given, courtesies.
_VAGUE = re.compile(
    r"^(?:it|this|that|these|those|them|you|your|he|she|they|one|ones|to (?:know|see|have|get|be|ask|hear)|"
    r"(?:the|this|that)\s+(?:(?:first|second|third|last|other|latter|former|new|old|results?|answer|idea|way|table|chart"
    r"|query|look|one)\b)|where|what|how|when|why|if|not to|a lot|everything|nothing|anything|something)\b",
    re.IGNORECASE,
)
_NO_MEANING = re.compile(r"(?:nothing|anything|everything|a lot|little|much|that|to|it|this)\b", re.IGNORECASE)
_NO_TERM = re.compile(r"(?:I|we|which|average|and|but|or)\b", re.IGNORECASE)
_QUOTED = re.compile(r"^[\"'“‘](.*)[\"'”’]$")
_NOT_LASTING = re.compile(
    r"\b(today|tonight|tomorrow|yesterday|right now|this (?:week|morning|time)|at the moment)\b", re.IGNORECASE
)


def _plain(text: str) -> str:
    return _BREAK.sub("", text).strip(" .,;:!\"'“”‘’")


def _without_article(text: str) -> str:
    return _ARTICLE.sub("", _plain(text))


def _lasting(text: str) -> bool:
    return bool(text) and not _VAGUE.match(text) and not _NOT_LASTING.search(text)


def attribute(predicate: str, group: str = "what") -> States:
    """Something lasting about the user."""

    def statements(match: re.Match[str]) -> Iterator[Statement]:
        what = _without_article(match[group])
        if _lasting(what) and len(what) <= MAX_SUBJECT_CHARS // 2:
            yield Statement("attribute", USER, predicate, what, _SURE)

    return statements


def listed(kind: FactKind, predicate: str) -> States:
    """One thing about the user for each that is named."""

    def statements(match: re.Match[str]) -> Iterator[Statement]:
        for item in _LIST.split(_plain(match["what"])):
            what = _QUANTIFIED.sub("", item)
            if _lasting(what):
                yield Statement(kind, USER, predicate, what, _SURE)

    return statements


def occupation(match: re.Match[str]) -> Iterator[Statement]:
    """What the user works as, and where."""
    yield Statement("attribute", USER, "works as", _without_article(match["role"]), _SURE)
    if where := match.groupdict().get("where"):
        yield Statement("attribute", USER, "works at", _plain(where), _SURE)


def taste(predicate: str) -> States:
    """What the user, or their team, likes or does not."""

    def statements(match: re.Match[str]) -> Iterator[Statement]:
        what = _plain(match["what"])
        who = TEAM if match[0].casefold().startswith("we") else USER
        wished = predicate == "prefers" and what.startswith("to see ")
        if wished or _lasting(what):
            yield Statement("preference", who, predicate, what, _FAIR if who == TEAM else _SURE)

    return statements


def choice(match: re.Match[str]) -> Iterator[Statement]:
    """What the user chose for good."""
    adjective = match["which"].casefold().replace("favorite", "favourite")
    what = _without_article(match["what"])
    if _lasting(what) and not re.match(r"(?:not|broken|wrong|missing|still|also)\b", what):
        yield Statement("preference", USER, f"has {adjective} {match['topic']}", what, _SURE)


def skill(predicate: str) -> States:
    """What the user is able to do, or is not yet."""

    def statements(match: re.Match[str]) -> Iterator[Statement]:
        for item in _LIST.split(_plain(match["what"])):
            what = re.sub(r"\s+(?:very |really |quite |pretty )?(?:well|a lot|inside out)$", "", item)
            # "I know the data is late" is no skill: its object has a verb, or is something pointed at.
            if _lasting(what) and len(what.split()) <= 3 and not re.match(r"(?:the|that|who|all|about)\b", what):
                yield Statement("skill", USER, predicate, what, _FAIR)

    return statements


def tool(match: re.Match[str]) -> Iterator[Statement]:
    """What the user, or their team, works with."""
    who = TEAM if match["who"].casefold() == "we" else USER
    yield Statement("skill", who, "uses", _plain(match["what"]), _FAIR)


def definition(predicate: str = "means") -> States:
    """What a term means."""

    def statements(match: re.Match[str]) -> Iterator[Statement]:
        term = _term(match["term"])
        meaning = match["what"].strip(' .,;:!"“”')
        if term and meaning and not _NO_MEANING.match(meaning):
            yield Statement("definition", term, predicate, meaning, _SURE)

    return statements


def _term(text: str) -> str:
    """The term that is defined, in lower case where it is a common noun; empty for what is no term."""
    term = _ARTICLE.sub("", text.strip(" ,"))
    term = _QUOTED.sub(r"\1", term)
    term = re.sub(r"^(?:column|field|term|word|abbreviation)\s+", "", term, flags=re.IGNORECASE)
    if len(term.split()) > 5 or _VAGUE.match(term) or _NO_TERM.match(term):
        return ""
    is_acronym = term[1:2].isupper() or not term[:1].isalpha()
    return term if is_acronym else term[:1].lower() + term[1:]


def calendar(match: re.Match[str]) -> Iterator[Statement]:
    """When a year or a week begins."""
    yield Statement("definition", match["term"].casefold(), f"starts {match['at'].casefold()}", match["what"], _SURE)


def rule(match: re.Match[str]) -> Iterator[Statement]:
    """What the user wants done with every answer."""
    wanted = re.sub(
        r",?\s*\b(?:please|thanks|thank you|ok|okay)\b\s*$", "", match["what"].strip(" .,;:!"), flags=re.IGNORECASE
    )
    if len(wanted.split()) > 2 and not re.match(r"(?:always|never)\s+(?:mind|the|a|again)\b", wanted, re.IGNORECASE):
        yield Statement("rule", USER, "wants", wanted[:1].lower() + wanted[1:], _SURE)


def note(match: re.Match[str]) -> Iterator[Statement]:
    """What the user asked to have remembered."""
    what = match["what"].strip(" .,;:!")
    if len(what.split()) > 3 and not re.search(r"\byou(?:r|rself)?\b", what, re.IGNORECASE):
        yield Statement("note", USER, "asked to remember", what, _FAIR)

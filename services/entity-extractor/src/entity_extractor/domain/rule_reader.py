"""Reads what people say of themselves, of what they want and of what their words mean, by rules that would rather miss
a fact than store one that was not said.

Each rule is a form of sentence: a verb that states something, with limits on what may stand in its places.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from entity_extractor.domain.facts import MAX_OBJECT_CHARS, MAX_SUBJECT_CHARS, TEAM, USER, Statement
from entity_extractor.domain.sentences import own_sentences

_SURE = 0.95
_FAIR = 0.8

_PROPER = r"(?:[A-ZÀ-Þ][\w&'.’-]*)(?:\s+(?:of|de|la|the|and|van|von|&|[A-ZÀ-Þ0-9][\w&'.’-]*))*"
_ROLE_NOUNS = (
    "accountant actuary administrator advisor agent analyst architect assistant auditor baker banker biologist broker"
    " buyer captain chef chemist clerk coach consultant controller coordinator cook dba dentist designer developer"
    " director doctor economist editor electrician engineer farmer founder geologist headteacher intern journalist lawyer"
    " lecturer librarian manager marketer mechanic merchandiser midwife nurse officer operator owner paramedic pharmacist"
    " physician physicist pilot planner president principal professor programmer receptionist recruiter representative"
    " researcher scientist secretary specialist statistician student supervisor surgeon teacher technician tester"
    " therapist trader trainee trainer treasurer underwriter veterinarian ceo cfo coo cto cio cmo cpo vp"
)
_ROLE = (
    rf"(?:(?:(?!not\b|no\b)[\w-]+\s+){{0,3}}(?:{_ROLE_NOUNS.replace(' ', '|')})"
    r"|(?:head|vp|director|vice president|chief|lead)\s+of\s+[\w&-]+(?:\s+(?:for|and)\s+[\w&-]+)?)"
)
_TIME_ZONE = r"[A-Z]{2,5}(?:[+-]\d{1,2}(?::\d\d)?)?|[A-Z][A-Za-z]+/[A-Z][A-Za-z_]+"
_DAY = r"(?:[A-Z][a-z]+\s+\d{1,2}(?:st|nd|rd|th)?|\d{1,2}(?:st|nd|rd|th)?\s+(?:of\s+)?[A-Z][a-z]+|\d{4}-\d\d-\d\d)"
_MONTH = "January|February|March|April|May|June|July|August|September|October|November|December"
_WEEKDAY = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
_LANGUAGE = (
    "Arabic|Bengali|Bulgarian|Catalan|Chinese|Croatian|Czech|Danish|Dutch|English|Estonian|Finnish|French|German|Greek"
    "|Hebrew|Hindi|Hungarian|Icelandic|Indonesian|Irish|Italian|Japanese|Korean|Latvian|Lithuanian|Malay|Mandarin"
    "|Norwegian|Persian|Polish|Portuguese|Romanian|Russian|Serbian|Slovak|Slovenian|Spanish|Swahili|Swedish|Thai|Turkish"
    "|Ukrainian|Urdu|Vietnamese"
)
_AM = r"(?:I am|I['’]m|Im)(?: (?:currently|now|actually))?"
# A clause ends here, and what follows is another thought.
_BREAK = re.compile(r",\s+(?:so|but|and|by the way|btw|because|since|thanks|please)\b.*$|\s+(?:so|but|because)\s+.*$|,\s*$")
_CLAUSES = re.compile(r",?\s+and\s+(?=(?:I|my|our|we)\b|[A-Z]{2,}\s+(?:means|stands for)\b|always\b|never\b)", re.IGNORECASE)
_LIST = re.compile(r"\s*,\s*(?:and\s+)?|\s+and\s+")
_QUANTIFIED = re.compile(r"^(?:a (?:bit|little) (?:of )?|some |also )", re.IGNORECASE)
_ARTICLE = re.compile(r"^(?:the|a|an|our|my)\s+", re.IGNORECASE)
# What is not said of anything lasting: pronouns, the answer just given, courtesies.
_VAGUE = re.compile(
    r"^(?:it|this|that|these|those|them|you|your|he|she|they|one|ones|to (?:know|see|have|get|be|ask|hear)|"
    r"(?:the|this|that)\s+(?:(?:first|second|third|last|other|latter|former|new|old|result|results|answer|idea|way|table|chart|query|look"
    r"|one)\b)|where|what|how|when|why|if|not to|a lot|everything|nothing|anything|something)\b",
    re.IGNORECASE,
)
_NO_MEANING = re.compile(r"(?:nothing|anything|everything|a lot|little|much|that|to|it|this)\b", re.IGNORECASE)
_QUOTED = re.compile(r"^[\"'“‘](.*)[\"'”’]$")
_NOT_LASTING = re.compile(r"\b(today|tonight|tomorrow|yesterday|right now|this (?:week|morning|time)|at the moment)\b", re.I)


@dataclass(frozen=True, slots=True)
class _Form:
    pattern: re.Pattern[str]
    statements: Callable[[re.Match[str]], Iterator[Statement]]


def read(turn: str) -> list[Statement]:
    """What a user's turn states, each thing once; nothing where that is not certain."""
    found: dict[tuple[str, ...], Statement] = {}
    for sentence in own_sentences(turn):
        for clause in _CLAUSES.split(sentence):
            for statement in _first(clause.strip(" ,")):
                if statement.object and len(statement.object) <= MAX_OBJECT_CHARS and statement.subject:
                    key = (statement.kind, statement.subject, statement.predicate, statement.object)
                    found.setdefault(key, statement)
    return list(found.values())


def _first(clause: str) -> list[Statement]:
    """What the first form that fits says."""
    for form in _FORMS:
        match = form.pattern.search(clause)
        if match and (statements := list(form.statements(match))):
            return statements
    return []


def _plain(text: str) -> str:
    return _BREAK.sub("", text).strip(" .,;:!\"'“”‘’")


def _without_article(text: str) -> str:
    return _ARTICLE.sub("", _plain(text))


def _lasting(text: str) -> bool:
    return bool(text) and not _VAGUE.match(text) and not _NOT_LASTING.search(text)


def _attribute(predicate: str, group: str = "what") -> Callable[[re.Match[str]], Iterator[Statement]]:
    def statements(match: re.Match[str]) -> Iterator[Statement]:
        what = _without_article(match[group])
        if _lasting(what) and len(what) <= MAX_SUBJECT_CHARS // 2:
            yield Statement("attribute", USER, predicate, what, _SURE)

    return statements


def _listed(kind: str, predicate: str) -> Callable[[re.Match[str]], Iterator[Statement]]:
    def statements(match: re.Match[str]) -> Iterator[Statement]:
        for item in _LIST.split(_plain(match["what"])):
            what = _QUANTIFIED.sub("", item)
            if _lasting(what):
                yield Statement(kind, USER, predicate, what, _SURE)  # type: ignore[arg-type]  # one of the kinds

    return statements


def _occupation(match: re.Match[str]) -> Iterator[Statement]:
    yield Statement("attribute", USER, "works as", _without_article(match["role"]), _SURE)
    if where := match.groupdict().get("where"):
        yield Statement("attribute", USER, "works at", _plain(where), _SURE)


def _taste(predicate: str) -> Callable[[re.Match[str]], Iterator[Statement]]:
    def statements(match: re.Match[str]) -> Iterator[Statement]:
        what = _plain(match["what"])
        who = TEAM if match[0].casefold().startswith("we") else USER
        wished = predicate == "prefers" and what.startswith("to see ")
        if wished or _lasting(what):
            yield Statement("preference", who, predicate, what, _FAIR if who == TEAM else _SURE)

    return statements


def _chosen(match: re.Match[str]) -> Iterator[Statement]:
    adjective = match["which"].casefold().replace("favorite", "favourite")
    what = _without_article(match["what"])
    if _lasting(what) and not re.match(r"(?:not|broken|wrong|missing|still|also)\b", what):
        yield Statement("preference", USER, f"has {adjective} {match['topic']}", what, _SURE)


def _skill(predicate: str) -> Callable[[re.Match[str]], Iterator[Statement]]:
    def statements(match: re.Match[str]) -> Iterator[Statement]:
        for item in _LIST.split(_plain(match["what"])):
            what = re.sub(r"\s+(?:very |really |quite |pretty )?(?:well|a lot|inside out)$", "", item)
            # "I know the data is late" is no skill: its object has a verb, or is something pointed at.
            if _lasting(what) and len(what.split()) <= 3 and not re.match(r"(?:the|that|who|all|about)\b", what):  # noqa: PLR2004
                yield Statement("skill", USER, predicate, what, _FAIR)

    return statements


def _tool(match: re.Match[str]) -> Iterator[Statement]:
    who = TEAM if match["who"].casefold() == "we" else USER
    yield Statement("skill", who, "uses", _plain(match["what"]), _FAIR)


def _definition(predicate: str = "means") -> Callable[[re.Match[str]], Iterator[Statement]]:
    def statements(match: re.Match[str]) -> Iterator[Statement]:
        term = _term(match["term"])
        meaning = match["what"].strip(" .,;:!\"“”")
        if term and meaning and not _NO_MEANING.match(meaning):
            yield Statement("definition", term, predicate, meaning, _SURE)

    return statements


def _term(text: str) -> str:
    """The term that is defined, in lower case where it is a common noun; empty for what is no term."""
    term = _ARTICLE.sub("", text.strip(" ,"))
    term = _QUOTED.sub(r"\1", term)
    term = re.sub(r"^(?:column|field|term|word|abbreviation)\s+", "", term, flags=re.IGNORECASE)
    if len(term.split()) > 5 or _VAGUE.match(term) or re.match(r"(?:I|we|which|average|and|but|or)\b", term, re.I):  # noqa: PLR2004
        return ""
    head, _, rest = term.partition(" ")
    return term if head[1:] != head[1:].lower() or not head[:1].isalpha() else f"{head.lower()}{' ' if rest else ''}{rest}"


def _calendar(match: re.Match[str]) -> Iterator[Statement]:
    yield Statement("definition", match["term"].casefold(), f"starts {match['at'].casefold()}", match["what"], _SURE)


def _rule(match: re.Match[str]) -> Iterator[Statement]:
    wanted = re.sub(r",?\s*\b(?:please|thanks|thank you|ok|okay)\b\s*$", "", match["what"].strip(" .,;:!"), flags=re.I)
    if len(wanted.split()) > 2 and not re.match(r"(?:always|never)\s+(?:mind|the|a|again)\b", wanted, re.IGNORECASE):  # noqa: PLR2004
        yield Statement("rule", USER, "wants", wanted[:1].lower() + wanted[1:], _SURE)


def _note(match: re.Match[str]) -> Iterator[Statement]:
    what = match["what"].strip(" .,;:!")
    if len(what.split()) > 3 and not re.search(r"\byou(?:r|rself)?\b", what, re.IGNORECASE):  # noqa: PLR2004
        yield Statement("note", USER, "asked to remember", what, _FAIR)


# What the assistant can be told to do with every answer.
_ORDER = (
    r"(?:add|alias|answer|apply|assume|average|avoid|break|calculate|cast|check|choose|compare|compute|convert|count|display"
    r"|divide|drop|exclude|express|filter|format|give|group|hide|highlight|ignore|include|join|keep|label|leave|limit|list"
    r"|mention|omit|order|prefer|print|put|quote|rank|read|remove|rename|replace|reply|report|respond|return|round|select"
    r"|show|skip|sort|split|start|sum|take|treat|truncate|use|write)"
)
_MUST = r"(?:must|should|shall|has to|have to|needs to|need to|is to|are to)"


def _form(pattern: str, statements: Callable[[re.Match[str]], Iterator[Statement]], flags: int = 0) -> _Form:
    return _Form(re.compile(pattern, flags), statements)


_ANY = re.IGNORECASE
_FORMS = (
    # What is wanted.
    _form(rf"^(?:from now on|going forward|in (?:the )?future|as a rule),?\s+(?P<what>(?:(?:always|never|do not|don['’]t)\s+)?{_ORDER}\b.+)$", _rule, _ANY),
    _form(rf"^(?:make sure (?:that )?(?:you |to )?|you should |you must |remember to |I want you to )(?P<what>(?:always|never)\s+{_ORDER}\b.+)$", _rule, _ANY),
    _form(rf"^(?P<what>(?:always|never)\s+{_ORDER}\b.+)$", _rule, _ANY),
    _form(rf"^(?P<what>(?:do not|don['’]t)\s+ever\s+{_ORDER}\b.+)$", _rule, _ANY),
    _form(rf"^(?P<what>(?:by default|unless I say otherwise|for (?:every|each|all) (?:report|query|chart|answer|result|question)s?),?\s+(?:always |never )?{_ORDER}\b.+)$", _rule, _ANY),
    _form(rf"^(?P<what>(?:when|whenever|if|every time|each time)\s+I\s+(?:ask|say|want|talk|mention)\b[^,]+,\s+(?:always |never |only |please |just )*{_ORDER}\b.+)$", _rule, _ANY),
    _form(rf"^(?P<what>(?!I\b|we\b|you\b|it\b|that\b|this\b|the (?:report|result|answer)\b)[\w -]+?\s+{_MUST}\s+(?:always|never)\s+be\s+\w+.*)$", _rule, _ANY),
    # What words mean.
    _form(r"^(?:when|whenever|if) (?:I|we) say (?P<term>[^,]+?),?\s+(?:I|we) mean (?P<what>.+)$", _definition(), _ANY),
    _form(r"^by (?P<term>[^,]+?),?\s+(?:I|we) mean (?P<what>.+)$", _definition(), _ANY),
    _form(r"^(?:we|I) define (?P<term>.+?) as (?P<what>.+)$", _definition(), _ANY),
    _form(r"^(?P<term>[\"“']?[\w&/.% -]+?[\"”']?) (?:is|are) defined as (?P<what>.+)$", _definition(), _ANY),
    _form(r"^(?P<term>[\"“']?[\w&/.-]+[\"”']?) (?:stands for|is short for|is an abbreviation (?:of|for)) (?P<what>.+)$", _definition("stands for"), _ANY),
    _form(r"^(?:in our (?:company|team|data|database|case),?\s+|for us,?\s+|here,?\s+)?(?P<term>[\"“']?[\w&/.%= '-]+?[\"”']?) (?:means|refers to) (?P<what>.+)$", _definition(), _ANY),
    _form(r"^the (?:column|field) (?P<term>[\w.]+) (?:holds|contains|is|stores|means) (?P<what>.+)$", _definition(), _ANY),
    _form(rf"^(?:our|the|my) (?P<term>(?:fiscal|financial|business|school|tax) year|(?:working |business )?week|season) (?:starts|begins) (?P<at>in|on) (?P<what>(?:{_MONTH}|{_WEEKDAY})(?: \d{{1,2}})?)\b", _calendar, _ANY),
    # Who someone is.
    _form(rf"\b[Mm]y name(?: is|['’]s) (?P<what>{_PROPER})(?=$|[,.!])", _attribute("is called")),
    _form(rf"^(?:[Pp]lease )?[Cc]all me (?P<what>{_PROPER})(?=$|[,.!])", _attribute("is called")),
    _form(rf"^(?i:{_AM}|I work as|as|I currently work as) (?i:an?|the|your new) (?P<role>(?i:{_ROLE}))(?: (?:at|for|with) (?P<where>{_PROPER}))?(?=$|[,.]| (?:in|at|for|from|here|and|who|with)\b)", _occupation),
    _form(r"^I work (?:at|for) (?P<what>" + _PROPER + r")(?=$|[,.!]| (?:as|in)\b)", _attribute("works at")),
    _form(rf"^(?:{_AM} (?:on|in|part of)|I work (?:in|on)|I belong to) (?:the|our) (?P<what>(?!wrong|right|same|other)[\w&-]+(?: [\w&-]+){{0,2}} (?:team|department|division|group|unit))\b", _attribute("works in"), _ANY),
    _form(rf"^(?:I (?:live in|(?:just |recently )?moved to)|{_AM} (?:based|located|living) in) (?P<what>{_PROPER})(?=$|[,.!]| (?:with|since|for|now)\b)", _attribute("lives in")),
    _form(rf"^[Mm]y (?:manager|boss|team lead|supervisor)(?: is|['’]s) (?P<what>{_PROPER})(?=$|[,.!])", _attribute("reports to")),
    _form(rf"^I report to (?P<what>{_PROPER})(?=$|[,.!])", _attribute("reports to")),
    _form(r"^I (?:lead|manage|head|run) (?P<what>(?:the|our|a) .+(?:team|teams|department|division|accounts|region|branch|project|store|stores|program|programme))\b", _attribute("leads"), _ANY),
    _form(rf"^{_AM} (?:responsible for|in charge of) (?P<what>.+)$", _attribute("is responsible for"), _ANY),
    _form(rf"^[Mm]y time ?zone(?: is|['’]s) (?P<what>{_TIME_ZONE})(?=$|[,.!])", _attribute("has time zone")),
    _form(rf"^[Mm]y birthday(?: is|['’]s)(?: on)? (?P<what>{_DAY})(?=$|[,.!])", _attribute("has birthday")),
    _form(rf"^{_AM} allergic to (?P<what>[\w ,-]+)$", _listed("attribute", "is allergic to"), _ANY),
    _form(rf"^{_AM} (?:an? )?(?P<what>vegetarian|vegan|pescatarian|left-handed|colou?r-?blind)\b", _attribute("is"), _ANY),
    # What someone likes.
    _form(r"^(?:I|we) (?:(?:really|much|strongly|generally|always|usually) )?prefer (?P<what>.+)$", _taste("prefers"), _ANY),
    _form(r"^I['’]d rather (?:see|have|get) (?P<what>.+)$", _taste("prefers"), _ANY),
    _form(r"^I (?:(?:really|strongly|absolutely) )?(?:dislike|hate|can['’]?t stand|cannot stand|(?:do not|don['’]t) (?:really )?like) (?P<what>.+)$", _taste("dislikes"), _ANY),
    _form(rf"^(?:I (?:(?:really|absolutely) )?(?:like|love)|{_AM} a (?:big |huge )?fan of) (?P<what>.+)$", _taste("likes"), _ANY),
    _form(r"^my (?P<which>favou?rite|preferred|default) (?P<topic>[\w-]+(?: [\w-]+)?)(?: is|['’]s| are) (?P<what>.+)$", _chosen, _ANY),
    # What someone knows.
    _form(rf"^I (?:also )?speak (?P<what>(?:(?:a (?:bit|little) of )?(?:{_LANGUAGE})(?:,? and |, )?)+)(?=$|[,.!]| (?:well|fluently))", _listed("skill", "speaks")),
    _form(rf"^{_AM} fluent in (?P<what>(?:(?:{_LANGUAGE})(?:,? and |, )?)+)(?=$|[,.!])", _listed("skill", "speaks")),
    _form(rf"^(?:{_AM} (?:new to|a beginner (?:in|with|at)|not (?:very |really |too )?(?:familiar with|good at|experienced in)|unfamiliar with|learning)|I (?:do not|don['’]t) know|I(?:['’]ve| have) never used) (?P<what>[\w+#. -]+)", _skill("is new to"), _ANY),
    _form(rf"^{_AM} (?:(?:very|quite|really|pretty) )?(?:good (?:at|with)|proficient in|experienced (?:in|with)|comfortable with|familiar with|skilled in|an? (?:expert|specialist) (?:in|on|with)) (?P<what>[\w+#., -]+)$", _skill("knows"), _ANY),
    _form(r"^I have (?:\w+|\d+) years of experience (?:with|in) (?P<what>[\w+#., -]+)$", _skill("knows"), _ANY),
    _form(r"^I know (?P<what>[A-Z][\w+#. -]*(?:(?:, | and )[A-Z][\w+#. -]*)*)$", _skill("knows")),
    _form(rf"^(?P<who>I|[Ww]e) (?:mostly |mainly |usually )?use (?P<what>{_PROPER})(?=$|[,.]| (?:for|every|daily|as|to|at|in)\b)", _tool),
    # What someone asked to have remembered.
    _form(r"^(?:please )?(?:remember|keep in mind|bear in mind|note|don['’]t forget|for the record),?:?\s+(?:that\s+)?(?P<what>.+)$", _note, _ANY),
)

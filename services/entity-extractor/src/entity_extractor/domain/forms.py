"""The forms of sentences that state something, each with what it states; the first that fits decides."""

import re
from dataclasses import dataclass

from entity_extractor.domain.stating import (
    States,
    attribute,
    calendar,
    choice,
    definition,
    listed,
    note,
    occupation,
    rule,
    skill,
    taste,
    tool,
)


@dataclass(frozen=True, slots=True)
class Form:
    """A form of sentence and what one that fits states."""

    pattern: re.Pattern[str]
    states: States


_PROPER = r"(?:[A-ZÀ-Þ][\w&'.’-]*)(?:\s+(?:of|de|la|the|and|van|von|&|[A-ZÀ-Þ0-9][\w&'.’-]*))*"
_ROLE_NOUNS = (
    "accountant actuary administrator advisor agent analyst architect assistant auditor baker banker"
    " biologist broker buyer captain chef chemist clerk coach consultant controller coordinator cook dba"
    " dentist designer developer director doctor economist editor electrician engineer farmer founder"
    " geologist headteacher intern journalist lawyer lecturer librarian manager marketer mechanic"
    " merchandiser midwife nurse officer operator owner paramedic pharmacist physician physicist pilot"
    " planner president principal professor programmer receptionist recruiter representative researcher"
    " scientist secretary specialist statistician student supervisor surgeon teacher technician tester"
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

# What the assistant can be told to do with every answer.
_ORDER = (
    r"(?:add|alias|answer|apply|assume|average|avoid|break|calculate|cast|check|choose|compare|compute|convert|count|display"
    r"|divide|drop|exclude|express|filter|format|give|group|hide|highlight|ignore|include|join|keep|label|leave|limit|list"
    r"|mention|omit|order|prefer|print|put|quote|rank|read|remove|rename|replace|reply|report|respond|return|round|select"
    r"|show|skip|sort|split|start|sum|take|treat|truncate|use|write)"
)
_MUST = r"(?:must|should|shall|has to|have to|needs to|need to|is to|are to)"


def _form(states: States, pattern: str, flags: int = 0) -> Form:
    return Form(re.compile(pattern, flags), states)


_ANY = re.IGNORECASE
FORMS = (
    # What is wanted.
    _form(
        rule,
        r"^(?:from now on|going forward|in (?:the )?future|as a rule),?\s+(?P<what>(?:(?:always|never"
        rf"|do not|don['’]t)\s+)?{_ORDER}\b.+)$",
        _ANY,
    ),
    _form(
        rule,
        r"^(?:make sure (?:that )?(?:you |to )?|you should |you must |remember to |I want you to )"
        rf"(?P<what>(?:always|never)\s+{_ORDER}\b.+)$",
        _ANY,
    ),
    _form(rule, rf"^(?P<what>(?:always|never)\s+{_ORDER}\b.+)$", _ANY),
    _form(rule, rf"^(?P<what>(?:do not|don['’]t)\s+ever\s+{_ORDER}\b.+)$", _ANY),
    _form(
        rule,
        r"^(?P<what>(?:by default|unless I say otherwise|for (?:every|each|all) (?:report|query|chart"
        rf"|answer|result|question)s?),?\s+(?:always |never )?{_ORDER}\b.+)$",
        _ANY,
    ),
    _form(
        rule,
        r"^(?P<what>(?:when|whenever|if|every time|each time)\s+I\s+(?:ask|say|want|talk"
        rf"|mention)\b[^,]+,\s+(?:always |never |only |please |just )*{_ORDER}\b.+)$",
        _ANY,
    ),
    _form(
        rule,
        r"^(?P<what>(?!I\b|we\b|you\b|it\b|that\b|this\b|the (?:report|result"
        rf"|answer)\b)[\w -]+?\s+{_MUST}\s+(?:always|never)\s+be\s+\w+.*)$",
        _ANY,
    ),
    # What words mean.
    _form(definition(), r"^(?:when|whenever|if) (?:I|we) say (?P<term>[^,]+?),?\s+(?:I|we) mean (?P<what>.+)$", _ANY),
    _form(definition(), r"^by (?P<term>[^,]+?),?\s+(?:I|we) mean (?P<what>.+)$", _ANY),
    _form(definition(), r"^(?:we|I) define (?P<term>.+?) as (?P<what>.+)$", _ANY),
    _form(definition(), r"^(?P<term>[\"“']?[\w&/.% -]+?[\"”']?) (?:is|are) defined as (?P<what>.+)$", _ANY),
    _form(
        definition("stands for"),
        r"^(?P<term>[\"“']?[\w&/.-]+[\"”']?) (?:stands for|is short for|is an abbreviation (?:of"
        r"|for)) (?P<what>.+)$",
        _ANY,
    ),
    _form(
        definition(),
        r"^(?:in our (?:company|team|data|database|case),?\s+|for us,?\s+|here,?\s+)?"
        r"(?P<term>[\"“']?[\w&/.%= '-]+?[\"”']?) (?:means|refers to) (?P<what>.+)$",
        _ANY,
    ),
    _form(
        definition(), r"^the (?:column|field) (?P<term>[\w.]+) (?:holds|contains|is|stores|means) (?P<what>.+)$", _ANY
    ),
    _form(
        calendar,
        r"^(?:our|the|my) (?P<term>(?:fiscal|financial|business|school|tax) year|(?:working "
        rf"|business )?week|season) (?:starts|begins) (?P<at>in|on) (?P<what>(?:{_MONTH}|{_WEEKDAY})"
        rf"(?: \d{{1,2}})?)\b",
        _ANY,
    ),
    # Who someone is.
    _form(attribute("is called"), rf"\b[Mm]y name(?: is|['’]s) (?P<what>{_PROPER})(?=$|[,.!])"),
    _form(attribute("is called"), rf"^(?:[Pp]lease )?[Cc]all me (?P<what>{_PROPER})(?=$|[,.!])"),
    _form(
        occupation,
        rf"^(?i:{_AM}|I work as|as|I currently work as) (?i:an?|the|your new) (?P<role>(?i:{_ROLE}))"
        rf"(?: (?:at|for|with) (?P<where>{_PROPER}))?(?=$|[,.]| (?:in|at|for|from|here|and|who|with)\b)",
    ),
    _form(attribute("works at"), rf"^I work (?:at|for) (?P<what>{_PROPER})(?=$|[,.!]| (?:as|in)\b)"),
    _form(
        attribute("works in"),
        rf"^(?:{_AM} (?:on|in|part of)|I work (?:in|on)|I belong to) (?:the|our) (?P<what>(?!wrong|right"
        rf"|same|other)[\w&-]+(?: [\w&-]+){{0,2}} (?:team|department|division|group|unit))\b",
        _ANY,
    ),
    _form(
        attribute("lives in"),
        rf"^(?:I (?:live in|(?:just |recently )?moved to)|{_AM} (?:based|located|living) in) "
        rf"(?P<what>{_PROPER})(?=$|[,.!]| (?:with|since|for|now)\b)",
    ),
    _form(
        attribute("reports to"),
        rf"^[Mm]y (?:manager|boss|team lead|supervisor)(?: is|['’]s) (?P<what>{_PROPER})(?=$|[,.!])",
    ),
    _form(attribute("reports to"), rf"^I report to (?P<what>{_PROPER})(?=$|[,.!])"),
    _form(
        attribute("leads"),
        r"^I (?:lead|manage|head|run) (?P<what>(?:the|our|a) .+(?:team|teams|department|division"
        r"|accounts|region|branch|project|store|stores|program|programme))\b",
        _ANY,
    ),
    _form(attribute("is responsible for"), rf"^{_AM} (?:responsible for|in charge of) (?P<what>.+)$", _ANY),
    _form(attribute("has time zone"), rf"^[Mm]y time ?zone(?: is|['’]s) (?P<what>{_TIME_ZONE})(?=$|[,.!])"),
    _form(attribute("has birthday"), rf"^[Mm]y birthday(?: is|['’]s)(?: on)? (?P<what>{_DAY})(?=$|[,.!])"),
    _form(listed("attribute", "is allergic to"), rf"^{_AM} allergic to (?P<what>[\w ,-]+)$", _ANY),
    _form(
        attribute("is"), rf"^{_AM} (?:an? )?(?P<what>vegetarian|vegan|pescatarian|left-handed|colou?r-?blind)\b", _ANY
    ),
    # What someone likes.
    _form(
        taste("prefers"), r"^(?:I|we) (?:(?:really|much|strongly|generally|always|usually) )?prefer (?P<what>.+)$", _ANY
    ),
    _form(taste("prefers"), r"^I['’]d rather (?:see|have|get) (?P<what>.+)$", _ANY),
    _form(
        taste("dislikes"),
        r"^I (?:(?:really|strongly|absolutely) )?(?:dislike|hate|can['’]?t stand|cannot stand|(?:do not"
        r"|don['’]t) (?:really )?like) (?P<what>.+)$",
        _ANY,
    ),
    _form(
        taste("likes"),
        rf"^(?:I (?:(?:really|absolutely) )?(?:like|love)|{_AM} a (?:big |huge )?fan of) (?P<what>.+)$",
        _ANY,
    ),
    _form(
        choice,
        r"^my (?P<which>favou?rite|preferred|default) (?P<topic>[\w-]+(?: [\w-]+)?)(?: is|['’]s"
        r"| are) (?P<what>.+)$",
        _ANY,
    ),
    # What someone knows.
    _form(
        listed("skill", "speaks"),
        rf"^I (?:also )?speak (?P<what>(?:(?:a (?:bit|little) of )?(?:{_LANGUAGE})(?:,? and |, )?)+)(?=$"
        r"|[,.!]| (?:well|fluently))",
    ),
    _form(listed("skill", "speaks"), rf"^{_AM} fluent in (?P<what>(?:(?:{_LANGUAGE})(?:,? and |, )?)+)(?=$|[,.!])"),
    _form(
        skill("is new to"),
        rf"^(?:{_AM} (?:new to|a beginner (?:in|with|at)|not (?:very |really |too )?(?:familiar with"
        r"|good at|experienced in)|unfamiliar with|learning)|I (?:do not|don['’]t) know|I(?:['’]ve"
        r"| have) never used) (?P<what>[\w+#. -]+)",
        _ANY,
    ),
    _form(
        skill("knows"),
        rf"^{_AM} (?:(?:very|quite|really|pretty) )?(?:good (?:at|with)|proficient in|experienced (?:in"
        r"|with)|comfortable with|familiar with|skilled in|an? (?:expert|specialist) (?:in|on|with)) "
        r"(?P<what>[\w+#., -]+)$",
        _ANY,
    ),
    _form(skill("knows"), r"^I have (?:\w+|\d+) years of experience (?:with|in) (?P<what>[\w+#., -]+)$", _ANY),
    _form(skill("knows"), r"^I know (?P<what>[A-Z][\w+#. -]*(?:(?:, | and )[A-Z][\w+#. -]*)*)$"),
    _form(
        tool,
        rf"^(?P<who>I|[Ww]e) (?:mostly |mainly |usually )?use (?P<what>{_PROPER})(?=$|[,.]| (?:for|every"
        r"|daily|as|to|at|in)\b)",
    ),
    # What someone asked to have remembered.
    _form(
        note,
        r"^(?:please )?(?:remember|keep in mind|bear in mind|note|don['’]t forget"
        r"|for the record),?:?\s+(?:that\s+)?(?P<what>.+)$",
        _ANY,
    ),
)

"""Whether a statement holds a moment fixed that its question does not spell: such a statement grows old."""

import re
from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from contracts.sql_generator import SourceKind

_RELATIVE: Final = re.compile(
    r"\b(?:today|tonight|yesterday|tomorrow|now|currently|recent(?:ly)?|lately|ago|to date|ytd|so far"
    r"|(?:last|past|this|current|previous|next|coming|these)\s+(?:\w+\s+)?"
    r"(?:second|minute|hour|day|night|week|weekend|fortnight|month|quarter|season|year|decade|monday|tuesday|wednesday"
    r"|thursday|friday|saturday|sunday)s?)\b",
    re.IGNORECASE,
)
_DATE: Final = re.compile(r"\b(?:\d{4}-\d{2}(?:-\d{2})?|\d{1,2}[./]\d{1,2}[./]\d{2,4}|\d{4}[./]\d{1,2}[./]\d{1,2})\b")
_YEAR: Final = re.compile(r"\b(?:19|20)\d{2}\b")


def grows_old(sql: str, dialect: SourceKind, question: str) -> bool:
    """Whether a query answers the question on the day it was written only, as far as it can be read.

    It does when it names a date for what the question says relative to the day it is asked ("last month"), or a year
    that the question does not spell: that year was this one, or a memory said it. The years beside one that is spelled
    are its bounds ("< 2025-01-01").
    """
    try:
        tree = sqlglot.parse_one(sql, dialect=dialect)
    except SqlglotError:
        return True
    texts = [literal.name for literal in tree.find_all(exp.Literal)]
    if _RELATIVE.search(question) and any(_DATE.search(text) or _YEAR.search(text) for text in texts):
        return True
    spelled = {int(year) for year in _YEAR.findall(question)}
    held = {int(year) for text in texts for year in _YEAR.findall(text)}
    return not held <= {year + beside for year in spelled for beside in (-1, 0, 1)}

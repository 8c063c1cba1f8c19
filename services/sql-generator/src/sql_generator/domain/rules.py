"""How a memory becomes a rule."""

import re
from typing import Final

from contracts.sql_generator import RuleType

_NAME_CHARS: Final = 80
_TYPES: Final[tuple[tuple[RuleType, re.Pattern[str]], ...]] = (
    (
        "transformation",
        re.compile(
            r"\b(?:mask|redact|anonymi[sz]e|round|convert|format|cast|replace)\w*\b|"
            r"\b(?:default|always add(?: a)?) limit\b",
            re.IGNORECASE,
        ),
    ),
    (
        "constraint",
        re.compile(
            r"\b(?:must|never|only|exclude|excluding|ignore|do not|don't|mandatory|required|forbidden|not allowed|"
            r"without|limit(?:ed)? to)\b",
            re.IGNORECASE,
        ),
    ),
)


def rule_type_of(content: str) -> RuleType:
    """The type a rule in plain words most likely has; a preference when nothing speaks for another."""
    return next((kind for kind, pattern in _TYPES if pattern.search(content)), "preference")


def rule_name_of(content: str) -> str:
    """The first words of a rule as its name, on one line."""
    line = " ".join(content.split()) or "rule"
    if len(line) <= _NAME_CHARS:
        return line
    return f"{line[: _NAME_CHARS - 1].rpartition(' ')[0] or line[: _NAME_CHARS - 1]}…"

"""Whether a rule applies, and why."""

from collections.abc import Collection
from dataclasses import dataclass

from contracts.sql_generator import Intent, RuleConditions, SourceKind
from sql_generator.generation.words import words
from sql_generator.rules.names import table_key


@dataclass(frozen=True, slots=True)
class Statement:
    """What conditions ask of a statement; None where it is not known."""

    tables: Collection[str] | None = None
    intent: Intent | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """Whether a rule applies (None: that depends on the statement), with a reason for each of its conditions."""

    applies: bool | None
    reasons: tuple[str, ...]


def judged(conditions: RuleConditions, question: str, statement: Statement, dialect: SourceKind) -> Judged:
    """Whether all conditions hold for the question and the statement."""
    found = [
        *([_words(conditions.words, question)] if conditions.words else []),
        *([_tables(conditions.tables, statement, dialect)] if conditions.tables else []),
        *([_intent(conditions.intent, statement)] if conditions.intent is not None else []),
    ]
    answers = [holds for holds, _ in found]
    applies = False if False in answers else None if None in answers else True
    return Judged(applies, tuple(reason for _, reason in found) or ("it has no conditions",))


def _words(wanted: tuple[str, ...], question: str) -> tuple[bool, str]:
    asked = words(question)
    said = [phrase for phrase in wanted if (needed := words(phrase)) and needed <= asked]
    if said:
        return True, f"the question says {_listed(said)}"
    return False, f"the question says none of {_listed(wanted)}"


def _tables(wanted: tuple[str, ...], statement: Statement, dialect: SourceKind) -> tuple[bool | None, str]:
    if statement.tables is None:
        return None, f"it is for statements that read {_listed(wanted)}"
    read = {table_key(name, dialect) for name in statement.tables}
    found = [name for name in wanted if table_key(name, dialect) in read]
    if found:
        return True, f"the statement reads {_listed(found)}"
    return False, f"the statement reads none of {_listed(wanted)}"


def _intent(wanted: Intent, statement: Statement) -> tuple[bool | None, str]:
    if statement.intent is None:
        return None, f"it is for statements of intent {wanted}"
    return statement.intent == wanted, f"the statement's intent is {statement.intent}"


def _listed(names: Collection[str]) -> str:
    return ", ".join(names)

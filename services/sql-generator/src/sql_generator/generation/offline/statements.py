"""Questions that are no questions: SQL typed as it is, and requests to change data."""

import re

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from sql_generator.generation.offline.catalogue import Catalogue

_OBJECT = r"(?:table|view|index|schema|database|function|procedure|role|user|trigger|sequence|extension|type|column)\b"
_STATEMENT = re.compile(
    r"^\s*(?:insert\s+into\b|replace\s+into\b|merge\s+into\b|delete\s+from\b|update\s+[\w.\"`]+\s+set\b"
    rf"|(?:drop|alter|create|comment\s+on)\s+(?:or\s+replace\s+|temp(?:orary)?\s+|unique\s+|materialized\s+)*{_OBJECT}"
    r"|truncate\s+(?:table\s+)?[\w.\"]+\s*;?\s*$|(?:grant|revoke)\s+\w[\w\s,]*\s+(?:on|to|from)\s"
    r"|copy\s+\S+\s+(?:from|to)\s|attach\s+(?:database\s+)?'|detach\s+\w|pragma\s+\w|vacuum\b|reindex\b"
    r"|explain\s+(?:analyze\s+)?(?:select|with|insert|update|delete)\b|call\s+\w+\s*\(|do\s+\$|set\s+\w+\s*(?:=|to\s))",
    re.IGNORECASE,
)
_QUERY = re.compile(
    r"^\s*\(?\s*(?:select\b|with\s+(?:recursive\s+)?\w+\s*(?:\([\w\s,]*\)\s*)?as\s*\(|values\s*\()", re.IGNORECASE
)
_CHANGE = re.compile(
    r"^\W*(?:(?:please|can|could|would|you|i|want|to|need|we|should|must|now|then|ok|and)\W+)*"
    r"(?P<verb>delete|remove|drop|erase|wipe|truncate|purge|insert|add|create|update|modify|alter|rename|set|overwrite"
    r"|replace|grant|revoke|cancel|edit|destroy|mark)\b(?!\s+up\b)",
    re.IGNORECASE,
)


def typed_sql(question: str, catalogue: Catalogue) -> str | None:
    """The question itself when it is an SQL statement of any kind: whether it may run is for the guard to say."""
    if _STATEMENT.match(question):
        return question.strip()
    if not _QUERY.match(question):
        return None
    try:
        statements = sqlglot.parse(question, dialect=catalogue.schema.dialect)
    except SqlglotError:
        return question.strip() if ";" in question else None
    first = statements[0]
    if len(statements) > 1 or not isinstance(first, exp.Query):
        return question.strip()
    return question.strip() if _means_sql(first, question, catalogue) else None


def _means_sql(tree: exp.Query, question: str, catalogue: Catalogue) -> bool:
    """As in "select all customers from Spain" parses, but is English: it names no table of the schema."""
    tables = list(tree.find_all(exp.Table))
    defined = {cte.alias for cte in tree.find_all(exp.CTE)}
    if tables and all(table.name in defined or catalogue.table_named(table.name) for table in tables):
        return True
    return any(mark in question for mark in "(*;")


def asks_for_change(question: str) -> str | None:
    """The verb of a request to change data ("delete all orders"), or None."""
    match = _CHANGE.match(question)
    return match["verb"].lower() if match else None

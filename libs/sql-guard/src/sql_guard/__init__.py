"""A static guard for SQL: says whether a statement only reads, and renders the text of it that may be run.

It depends on the standard library and sqlglot only.
"""

from sql_guard.check import check
from sql_guard.parsing import parse_one
from sql_guard.rendering import render
from sql_guard.verdict import Dialect, Verdict

__all__ = ["Dialect", "Verdict", "check", "parse_one", "render"]

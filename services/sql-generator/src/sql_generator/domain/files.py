"""What an uploaded file is, by its name, and what becomes of one that was left unfinished."""

import re
from datetime import timedelta
from typing import Final, get_args

from contracts.sql_generator import FileKind

ABANDONED_AFTER: Final = timedelta(minutes=15)
"""How long after its last part a file that is not complete is given up."""

MAX_ATTEMPTS: Final = 2
"""How often a conversion is begun: one that ended this process twice would do so again."""

_ENDINGS: Final[dict[str, FileKind]] = {
    **{kind: kind for kind in get_args(FileKind)},
    "tab": "tsv",
    "jsonl": "json",
    "ndjson": "json",
    "xlsm": "xlsx",
    "db": "sqlite",
    "sqlite3": "sqlite",
}
_NOT_SHOWN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")

ENDINGS: Final = tuple(sorted(_ENDINGS))


def shown_name(given: str) -> str:
    """A file's name without folders, control characters and marks that turn text around; it may be empty.

    It is shown, and tables are named after it: no path is made of it.
    """
    return _NOT_SHOWN.sub("", re.split(r"[/\\]", given)[-1]).strip()


def kind_of(name: str) -> FileKind | None:
    """The kind that a name's ending says; None for any other."""
    stem, dot, ending = name.rpartition(".")
    return _ENDINGS.get(ending.lower()) if stem and dot else None


def stem_of(name: str) -> str:
    """The name without its ending."""
    return name.rpartition(".")[0] or name

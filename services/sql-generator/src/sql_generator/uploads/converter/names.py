"""Names that SQL takes as they are, from headers, sheets and files that may say anything."""

import re
import unicodedata
from collections.abc import Collection, Sequence
from typing import Final

MAX_NAME: Final = 60
MAX_COMMENT: Final = 500

_NOT_A_WORD: Final = re.compile(r"\W+")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def clean_names(originals: Sequence[str], *, otherwise: str) -> list[str]:
    """A safe name for each, in order and all different: lower-case letters, digits and underscores, of any script.

    One of which nothing is left is called after its place: `column_3`.
    """
    taken: set[str] = set()
    names = []
    for place, original in enumerate(originals, start=1):
        name = _distinct(_clean(original) or f"{otherwise}_{place}", taken)
        taken.add(name)
        names.append(name)
    return names


def comment_of(original: str, name: str) -> str:
    """What is kept of an original beside its name, on one line; empty where the name says it all."""
    shown = _CONTROL.sub(" ", original).strip()[:MAX_COMMENT]
    return "" if shown == name else shown


def _clean(original: str) -> str:
    # Compatibility forms are one: a full-width letter is the letter.
    words = _NOT_A_WORD.sub("_", unicodedata.normalize("NFKC", original)).strip("_").lower()
    name = re.sub("__+", "_", words)[:MAX_NAME].strip("_")
    return f"n_{name}" if name[:1].isdigit() else name


def _distinct(name: str, taken: Collection[str]) -> str:
    number = 1
    found = name
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    return found

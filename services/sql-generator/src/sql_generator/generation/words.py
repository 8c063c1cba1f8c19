"""Words of names and of questions, so that `OrderItems`, `order_item` and "order items" share theirs."""

import re

_CAMEL_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[^\W\d_]+|\d+")
_SIBILANT_PLURAL = ("ses", "shes", "ches", "xes", "zes")
_MIN_STEM_CHARS = 3


def words(text: str) -> set[str]:
    """The stems of the words of `text`, without regard to case; names are split at underscores and capitals."""
    return {stem(word) for word in {word.casefold() for word in _WORD.findall(_CAMEL_HUMP.sub(" ", text))}}


def stem(word: str) -> str:
    """What the singular and the regular English plural of a word have in common (`movie`, `movies`: `mov`)."""
    if word.endswith("ies"):
        return _without(word, 3)
    if word.endswith(_SIBILANT_PLURAL):
        word = _without(word, 2)
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ie", "e", "y"):
        if word.endswith(ending):
            return _without(word, len(ending))
    return word


def _without(word: str, ending: int) -> str:
    return word[:-ending] if len(word) - ending >= _MIN_STEM_CHARS else word

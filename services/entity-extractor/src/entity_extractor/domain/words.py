"""The words of names and of questions, so that `OrderItems`, `order_item` and "order items" share theirs."""

import re

_CAMEL_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[^\W\d_]+|\d+")
_SIBILANT_PLURAL = ("ses", "shes", "ches", "xes", "zes")
_UNINFLECTED = ("ss", "us", "is")
_MIN_STEM_CHARS = 3
_IRREGULAR = {
    "people": "person",
    "children": "child",
    "men": "man",
    "women": "woman",
    "mice": "mouse",
    "feet": "foot",
    "indices": "index",
    "criteria": "criterion",
}
# Words that a name may hold beside those that say what it is.
_NOISE_WORDS = ("tbl", "table", "dim", "fact", "vw", "view", "and", "of", "the", "a", "an", "in", "for", "per", "to")


def question_words(text: str) -> frozenset[str]:
    """The stems of a question's words, without regard to case."""
    return frozenset(_stems(text))


def words_by_stem(text: str) -> dict[str, str]:
    """The stems of a question's words, each with the first of them."""
    found: dict[str, str] = {}
    for word in _WORD.findall(_CAMEL_HUMP.sub(" ", text)):
        found.setdefault(_stem(word.casefold()), word)
    return found


def name_words(name: str) -> tuple[str, ...]:
    """The stems that must all occur in a question that means the thing of this name, sorted; none for a name of
    symbols only.
    """
    stems = set(_stems(name))
    return tuple(sorted(stems - _NOISE or stems))


def _stems(text: str) -> list[str]:
    return [_stem(word.casefold()) for word in _WORD.findall(_CAMEL_HUMP.sub(" ", text))]


def _stem(word: str) -> str:
    """What a noun and its regular English plural have in common (`movie`, `movies`: `mov`)."""
    word = _IRREGULAR.get(word, word)
    if word.endswith("ies"):
        return _without(word, 3)
    if word.endswith(_SIBILANT_PLURAL):
        word = _without(word, 2)
    elif word.endswith("s") and not word.endswith(_UNINFLECTED):
        # Shorter than other stems: `ids` is the plural of `id`.
        word = word[:-1] if len(word) > 2 else word
    for ending in ("ie", "e", "y"):
        if word.endswith(ending):
            return _without(word, len(ending))
    return word


def _without(word: str, ending: int) -> str:
    return word[:-ending] if len(word) - ending >= _MIN_STEM_CHARS else word


_NOISE = frozenset(_stem(word) for word in _NOISE_WORDS)

"""Words of names and of questions, so that `OrderItems`, `order_items` and "order items" are the same."""

import re

_CAMEL_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[^\W\d_]+|\d+")


def words(text: str) -> set[str]:
    """The words of `text` in the singular, without regard to case; names are split at underscores and capitals."""
    return {singular(word.casefold()) for word in _WORD.findall(_CAMEL_HUMP.sub(" ", text))}


def singular(word: str) -> str:
    """The singular of a regular English plural (`cities`, `boxes`, `orders`); any other word as it is."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word

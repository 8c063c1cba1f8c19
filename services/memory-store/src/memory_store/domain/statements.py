"""Statements read word by word, with nothing left out that could tell two of them apart.

Search may take `a > 5` for `a < 5`, "internal" for "international" and "my boss" for "her boss"; what decides whether a
memory is still needed may not. So this is no use of the analyzer: words keep their endings but for a plural, operators
and punctuation are words, and only articles and polite openings are dropped.
"""

import re
import unicodedata

from memory_store.domain.stop_words import STOP_WORDS

_OPENING = re.compile(
    r"^\s*(?:[-*•]\s+)?(?:(?:please|also)\s+)*(?:(?:note|remember)(?:\s*:|\s+that\b,?)\s*)?", re.IGNORECASE
)
_CLOSING = re.compile(r"(?:\s+a\s+lot|\s+very\s+much|[\s.,;:!…。！])+$", re.IGNORECASE)
_WORD = re.compile(r"\w+(?:[-.,:'/@&]\w+)*|[^\w\s]")
_QUOTES = frozenset("\"'`“”‘„«»")
_LONGEST_ACRONYM = 3
_SHORTEST_PLURAL = 5
_PLURALS_OF_NOTHING = frozenset(("customs", "goods", "damages"))


def words(content: str) -> list[str]:
    """The words of a statement in lower case, operators and inner punctuation among them.

    "I prefer …" and "The user prefers …" open alike: they open with what is preferred.
    """
    text = unicodedata.normalize("NFC", content).replace("’", "'")
    text = _CLOSING.sub("", _OPENING.sub("", text))
    found: list[str] = []
    for token in _WORD.findall(text):
        if token not in _QUOTES:
            found += _plain(token, first=not found)
    return _without_speaker([word for word in found if word not in _ARTICLES])


def plain(text: str) -> frozenset[str]:
    """Words, given with spaces between them, as `words` would read each of them."""
    return frozenset(_singular(word) for word in text.split())


def _plain(token: str, *, first: bool) -> list[str]:
    lower = token.lower()
    if token.isupper() and lower in STOP_WORDS and len(token) <= _LONGEST_ACRONYM and not first:
        # The US, IT, tier A: no pronoun, no article.
        return [token]
    if lower == "cannot":
        return ["can", "not"]
    if lower.endswith("n't"):
        verb = lower.removesuffix("n't")
        return [{"ca": "can", "wo": "will", "sha": "shall"}.get(verb, verb), "not"]
    return [_singular(lower)]


def _singular(word: str) -> str:
    if len(word) < _SHORTEST_PLURAL or not word.isalpha() or word in _PLURALS_OF_NOTHING:
        return word
    if word.endswith("ies"):
        return word.removesuffix("ies") + "y"
    return word if word.endswith(("ss", "us", "is")) else word.removesuffix("s")


_ARTICLES = plain("a an the")
_ADVERBS = plain("really actually generally simply also please")
# What a user does; in "user accounts" the word is part of what is talked about.
_OF_A_USER = plain("prefer like love hate dislike want need always never does is has would works lives use uses")


def _without_speaker(found: list[str]) -> list[str]:
    start = 0
    while start < len(found) - 1 and (
        found[start] in _ADVERBS
        or found[start].lower() == "i"
        or (found[start] == "user" and _after_adverbs(found[start + 1 :]) in _OF_A_USER)
    ):
        start += 1
    return found[start:]


def _after_adverbs(found: list[str]) -> str:
    return next((word for word in found if word not in _ADVERBS), "")

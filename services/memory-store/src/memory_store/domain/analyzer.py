"""The analyzer: which terms a text is found by. Memories and queries go through the same one."""

import re
import unicodedata
from functools import cache, lru_cache

import snowballstemmer

from memory_store.domain.stop_words import STOP_WORDS

VERSION = 1
"""Grows with every change of `terms`; stored with its postings, so that old ones can be found and rebuilt."""

MAX_TERM_CHARS = 64
"""Longer terms are cut: an index entry must fit a third of a page."""

# Scripts written without spaces between words: Thai to Khmer, Hiragana to the ideographs, Hangul with them by custom.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
    "\u3005-\u3007\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3131-\u318e\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U000323af"
)
# Pictographs, without the modifiers of the one before (skin tones, variation selectors, joiners).
_SYMBOLS = "\u2190-\u21ff\u2300-\u23ff\u2460-\u27bf\u2900-\u297f\u2b00-\u2bff\U0001f000-\U0001f3fa\U0001f400-\U0001faff"
_LAST_LETTER_OF_A_SCRIPT_WITH_MARKS = 0xABFF
_POSSESSIVE = "'s"


@cache
def _token() -> re.Pattern[str]:
    # `\w` lacks the combining marks that vowels are written with in Hebrew, Arabic and the scripts of India.
    marks = "".join(
        character
        for character in map(chr, range(0x0300, _LAST_LETTER_OF_A_SCRIPT_WITH_MARKS))
        if unicodedata.category(character) in {"Mn", "Mc"}
    )
    word = rf"[^\W_{_UNSPACED}{_SYMBOLS}][{marks}]*"
    return re.compile(
        rf"(?P<unspaced>[{_UNSPACED}][{_UNSPACED}{marks}]*)|(?P<symbol>[{_SYMBOLS}])|(?:{word})+(?:'(?:{word})+)*"
    )


_CAMEL_CASE = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z0-9])(?=[A-Z][a-z])")
_stemmer = snowballstemmer.stemmer("english")


def terms(text: str) -> list[str]:
    """The terms of a text in their order, repeated as often as they occur; at least one unless the text is blank.

    The text is normalised (NFKC, case folded). Identifiers are split (`customer_id` and `customerId` → customer, id),
    English words stemmed (Snowball), stop words dropped unless there is nothing else. Scripts written without spaces
    become overlapping pairs of characters, pictographs a term each. A text of punctuation alone keeps its pieces.
    """
    normalised = unicodedata.normalize("NFKC", text).replace("’", "'")
    telling: list[str] = []
    idle: list[str] = []
    for match in _token().finditer(normalised):
        token = match[0]
        if match["unspaced"]:
            telling += _pairs(token)
        elif match["symbol"]:
            telling.append(token)
        else:
            for part in _CAMEL_CASE.split(token):
                word = part.casefold().removesuffix(_POSSESSIVE)
                (idle if word in STOP_WORDS else telling).append(_stem(word))
    return telling or idle or [piece[:MAX_TERM_CHARS] for piece in normalised.split()]


def _pairs(run: str) -> list[str]:
    return [run[i : i + 2] for i in range(len(run) - 1)] or [run]


@lru_cache(maxsize=65_536)
def _stem(word: str) -> str:
    # Only what can be an English word; the stemmer takes 30 µs, and texts repeat their words.
    if len(word) <= MAX_TERM_CHARS and word.isascii() and not any(map(str.isdigit, word)):
        word = _stemmer.stemWord(word)
    return word[:MAX_TERM_CHARS]

"""When two questions are the same one: in their words, whatever their case, punctuation and politeness."""

import hashlib
import re
import unicodedata
from typing import Final

from sql_generator.domain.followups import addition

_WORD: Final = re.compile(r"\d+(?:[.,:/-]\d+)*|[^\W\d]\w*(?:['’]\w+)*|\d\w*|!=|<>|[<>]=?|[^\w\s]|_+")
_THOUSANDS: Final = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_PUNCTUATION: Final = frozenset(".,;:?!()[]{}\"'`“”„‘’«»…¿¡")
_POLITE: Final = re.compile(
    r"""
    (?:hi|hello|hey|ok|okay)
    | (?:can|could|would|will)\ you(?:\ tell|\ show|\ give|\ list)?(?:\ me|\ us)?
    | (?:i|we)\ (?:would\ like|['’]d\ like|want|need|wish)\ to\ (?:know|see|have|get)
    | (?:i|we)['’]d\ like\ to\ (?:know|see|have|get)
    | (?:show|tell|give)\ (?:me|us) | let\ (?:me|us)\ (?:know|see)
    """,
    re.VERBOSE,
)
_POINTS_BACK: Final = re.compile(
    r"\b(?:it|its|they|them|their|those|these|this one|that one|the (?:same|others?|rest|previous|last) ones?|above)\b"
)
_FEWEST_WORDS: Final = 3
_SAID_ANYWHERE: Final = frozenset({"please", "kindly"})
_THANKS: Final = re.compile(r" (?:thanks|thank you|cheers)(?: a lot| very much| in advance)?$")


def wording(question: str) -> str:
    """The words, numbers and signs of a question in lower case, without punctuation and without politeness.

    Signs that mean something stay ("> 5" is not "< 5"), and so does every other word.
    """
    folded = unicodedata.normalize("NFKC", question).casefold()
    words = [_number(word) for word in _WORD.findall(folded)]
    said = " ".join(word for word in words if word not in _PUNCTUATION and word not in _SAID_ANYWHERE)
    plain = _THANKS.sub("", said)
    while (opening := _POLITE.match(f"{plain} ")) and plain[opening.end() : opening.end() + 1] == " ":
        plain = plain[opening.end() + 1 :]
    return plain or " ".join(words)


def leans_on_turns(question: str) -> bool:
    """Whether a question may mean something else after other turns of a conversation ("and by month?")."""
    said = wording(question)
    is_short = len(said.split()) < _FEWEST_WORDS
    return is_short or addition(question) is not None or _POINTS_BACK.search(said) is not None


def question_key(question: str) -> str | None:
    """The SHA-256 (hex) of the wording, equal for the same question; None where it depends on a conversation."""
    if addition(question) is not None:
        return None
    return hashlib.sha256(wording(question).encode()).hexdigest()


def _number(word: str) -> str:
    return word.replace(",", "") if _THOUSANDS.fullmatch(word) else word

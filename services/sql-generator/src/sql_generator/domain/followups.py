"""Questions that go on from one before: "and by month?", "only for Paris", "what about last year?"."""

import re
from typing import Final

_OPENING: Final = re.compile(
    r"^\W*(?:(?:and|but|or|then|now|also|ok|okay|so|well|only|just|instead|please|what\s+about|how\s+about|make\s+it"
    r"|the\s+same|same)\b[\s,]*)+",
    re.IGNORECASE,
)
_FRAGMENT: Final = re.compile(
    r"^(?:by|per|for|in|on|of|from|since|during|with|without|last|this|previous|sorted|ordered|order(?:ed)?\s+by"
    r"|(?:the\s+)?(?:top|first|last)\s+\w+$|(?:the\s+)?\w+\s+ones?$|instead)\b",
    re.IGNORECASE,
)
_OWN_SENTENCE: Final = re.compile(
    r"\b(?:how\s+(?:many|much)|what|which|who|whose|where|when|show|list|count|give|find|display|select|is|are|was|were"
    r"|do|does|did|has|have)\b",
    re.IGNORECASE,
)
_END: Final = " \t\n?!.,;"
_MOST_WORDS: Final = 8


def addition(question: str) -> str | None:
    """What a follow-up adds to the question before ("and by month?" adds "by month"); None for a whole question.

    It goes by the wording alone, and only by what is sure: a few words that no question begins with, or none that a
    question of its own would have.
    """
    opening = _OPENING.match(question)
    rest = question[opening.end() if opening else 0 :].strip(_END)
    if not rest or len(rest.split()) > _MOST_WORDS or _OWN_SENTENCE.search(rest):
        return None
    return rest if opening or _FRAGMENT.match(rest) else None

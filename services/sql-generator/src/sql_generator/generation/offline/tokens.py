"""A question as tokens, and the words of names in the same form, so that the two can be compared."""

import re
from dataclasses import dataclass
from typing import Literal

from sql_generator.generation.offline.lexicon import ABBREVIATIONS, IRREGULAR_SINGULARS, NUMBER_WORDS

TokenKind = Literal["word", "number", "quoted", "date", "mark"]

_TOKEN = re.compile(
    r"""
    (?:(?<=^)|(?<=[\s(\[,:=]))(?:'(?P<single>[^']+(?:'[a-z][^']*)*)'|"(?P<double>[^"]+)"|“(?P<curly>[^”]+)”|‘(?P<curled>[^’]+)’)(?=$|[\s)\],.;:?!'’])
    | (?P<date>\d{4}-\d{2}-\d{2})
    | (?P<number>(?<![\w.])-?\d+(?:,\d{3})*(?:\.\d+)?)(?P<unit>%|k\b|m\b)?
    | (?P<possessive>['’]s\b)
    | (?P<negation>n['’]t\b)
    | (?P<word>[^\W\d_]+?(?=n['’]t\b)|[^\W\d_]+\d*)
    | (?P<digits>\d+)
    | (?P<mark><=|>=|<>|!=|[,;.?!<>=$€£&])
    """,
    re.VERBOSE | re.IGNORECASE,
)
_CAMEL_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z][A-Z])(?=[A-Z][a-z])|(?<=[a-z])(?=\d)")
_NAME_WORD = re.compile(r"[^\W_]+")
_SIBILANT_PLURAL = ("sses", "shes", "ches", "xes", "zzes")
_NO_PLURAL = ("ss", "us", "is", "news", "series", "species")
_VERB_ENDINGS = (
    "ations",
    "ation",
    "ments",
    "ment",
    "ings",
    "ing",
    "ions",
    "ion",
    "ers",
    "er",
    "ed",
    "es",
    "s",
    "e",
    "y",
)
_MIN_STEM_CHARS = 4
_PUNCTUATION = frozenset(",;.?!&")
_UNIT_FACTOR = {"k": 1_000, "m": 1_000_000}


@dataclass(frozen=True, slots=True)
class Token:
    """A word, number, date, quoted text or punctuation mark of a question.

    `text` is what the question says (without quotes), `lower` its lower case, `lemma` the singular of it; `value` is
    the number in digits.
    """

    kind: TokenKind
    text: str
    lower: str
    lemma: str
    value: str = ""

    @property
    def punctuates(self) -> bool:
        """Whether it is punctuation, not a sign that means something ("<", "€")."""
        return self.kind == "mark" and self.lower in _PUNCTUATION

    @property
    def capitalised(self) -> bool:
        """Whether it starts like a proper name."""
        return self.kind == "word" and self.text[:1].isupper()


def tokenize(question: str) -> list[Token]:
    """The tokens of a question; whatever is neither word, number nor punctuation is skipped."""
    return [_token(match) for match in _TOKEN.finditer(question)]


def _token(match: re.Match[str]) -> Token:
    for group in ("single", "double", "curly", "curled"):
        if match[group] is not None:
            text = match[group].strip()
            return Token("quoted", text, text.lower(), text.lower(), text)
    text = match[0]
    lower = text.lower().replace("’", "'")
    if match["date"]:
        return Token("date", text, lower, lower, text)
    if match["number"] or match["digits"]:
        return Token("number", text, lower, lower, _number(match))
    if match["mark"]:
        return Token("mark", text, lower, lower)
    if lower in NUMBER_WORDS:
        return Token("number", text, lower, lower, str(NUMBER_WORDS[lower]))
    return Token("word", text, lower, lemma(lower))


def _number(match: re.Match[str]) -> str:
    digits = (match["number"] or match["digits"]).replace(",", "")
    factor = _UNIT_FACTOR.get((match["unit"] or "").lower())
    if factor is None:
        return digits
    scaled = float(digits) * factor
    return str(int(scaled)) if scaled.is_integer() else str(scaled)


def lemma(word: str) -> str:
    """The singular of an English noun in lower case (`categories`: `category`); other words as they are."""
    if word in IRREGULAR_SINGULARS:
        return IRREGULAR_SINGULARS[word]
    if len(word) <= 3 or word.endswith(_NO_PLURAL):
        return word[:-1] if word in {"ids", "nos"} else word
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(_SIBILANT_PLURAL):
        return word[:-2]
    return word.removesuffix("s")


def stem(word: str) -> str:
    """What a verb and the nouns made of it have in common (`enrolled`, `enrolment`: `enrol`), at least four letters."""
    for ending in _VERB_ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _MIN_STEM_CHARS:
            word = word[: -len(ending)]
            break
    return word[:-1] if len(word) > _MIN_STEM_CHARS and word[-1] == word[-2] else word


def name_words(name: str) -> tuple[str, ...]:
    """The words of an identifier, split at underscores and capitals, abbreviations written out, in the singular."""
    found: list[str] = []
    for part in _NAME_WORD.findall(name):
        pieces = [part] if part.lower() in ABBREVIATIONS else _CAMEL_HUMP.sub(" ", part).split()
        for piece in pieces:
            found += ABBREVIATIONS.get(piece.lower(), (piece.lower(),))
    return tuple(lemma(word) for word in found)

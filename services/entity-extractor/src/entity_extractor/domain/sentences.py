"""The sentences of a turn that its author states: no code, no quotations, no questions, nothing imagined."""

import re
from collections.abc import Iterator

MAX_SENTENCE_CHARS = 400
MAX_TURN_CHARS = 20_000

_FENCED = re.compile(r"```.*?(```|\Z)", re.DOTALL)
_CITED_LINE = re.compile(r"^\s*(>|\||--|#|//|<[^>]*>).*$", re.MULTILINE)
# A full stop ends a sentence where a blank follows it, but not behind a number or an abbreviation.
_END = re.compile(
    r"(?<!\be\.g)(?<!\bi\.e)(?<!\bDr)(?<!\bMr)(?<!\bMs)(?<!\bMrs)(?<!\bvs)(?<!\betc)([.!?…]+)(?=\s|$)|[\n\r]+|;\s"
)
_OPENING = re.compile(
    r"^((hi|hey|hello|ok|okay|thanks|thank you|great|well|so|and|also|but|oh|yes|no|sure|please|by the way|btw|fyi"
    r"|just so you know|for context|as context|hey, this is for context)\b[\s,:!–-]*)+",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    r"^(what|which|who|whom|whose|how|why|where|is|are|am|was|were|do|does|did|can|could|would|should|shall|will|has|have"
    r" (you|we|they)|may|might|let me know|tell me|show|list|give|find|count|get|compare|select|with|explain|plot"
    r"|sum)\b(?! ?=)",
    re.IGNORECASE,
)
_IMAGINED = re.compile(
    r"\b(imagine|suppose|supposing|pretend|assume|assuming|hypothetically|let'?s say|what if|as if"
    r"|if (i|we) (were|was|had|lived|worked)|would|wish|role.?play|maybe|perhaps|probably|might|i guess"
    r"|not sure|no idea)\b|/s$",
    re.IGNORECASE,
)
_REPORTED = re.compile(
    r"\b(he|she|they|someone|somebody|everyone|people|customers?|users?|clients?|authors?|employees?|colleagues?|boss|manager"
    r"|sister|brother|friend|ticket|email|mail|note|comment|document|text)\b\s+(once\s+)?"
    r"(say|says|said|told|tells|write|writes|wrote|claim|claims|claimed|think|thinks|thought|ask|asks|asked|reads?)\b",
    re.IGNORECASE,
)
# What follows is material to work on, not said by the author: all of the rest of the turn.
_MATERIAL = re.compile(
    r"\b(translate|write|draft|rewrite|rephrase|paraphrase|summari[sz]e|proofread|correct|compose|reply to|classify"
    r"|analy[sz]e|generate|complete)\b.{0,40}(:|\b(that says|saying|feedback|text|email|mail|letter|sentence"
    r"|story|poem)\b)",
    re.IGNORECASE,
)
# Orders to the assistant about itself, and statements that would change data: never learned.
_HOSTILE = re.compile(
    r"\b(ignore|disregard|forget|override|bypass)\b.{0,30}\b(instructions?|rules?|prompts?|guard|filters?|everything)\b"
    r"|\b(system prompt|hidden instructions?|jailbreak|password|api key|secret key|superadmin|administrator"
    r"|admin rights?|guard|safety|restrictions?|without confirmation|ask for confirmation)\b"
    r"|\b(you are|you're|act as|you must|you will)\b"
    r"|\b(drop|delete|truncate|alter|insert|update|grant|revoke)\s+(table|tables|from|into|database|all)\b"
    r"|[<>{}`]|--|';",
    re.IGNORECASE,
)


def own_sentences(turn: str) -> Iterator[str]:
    """What the author of a turn states, sentence by sentence, without greetings and closing punctuation."""
    for text, is_question in _sentences(turn[:MAX_TURN_CHARS]):
        if _MATERIAL.search(text):
            return
        said = _OPENING.sub("", text).strip(" \t,–-")
        if is_question or not said or len(said) > MAX_SENTENCE_CHARS:
            continue
        if _QUESTION.match(said) or _IMAGINED.search(said) or is_hostile(said):
            continue
        if _REPORTED.search(said):
            # "The customer wrote: I live in Berlin": what follows is theirs, too.
            return
        yield said


def is_hostile(text: str) -> bool:
    """Whether a text gives the assistant orders about itself, or would change data."""
    return _HOSTILE.search(text) is not None


def _sentences(turn: str) -> Iterator[tuple[str, bool]]:
    text = _CITED_LINE.sub("", _FENCED.sub("", turn))
    start = 0
    for end in _END.finditer(text):
        if said := text[start : end.start()].strip():
            yield said, "?" in (end.group(1) or "")
        start = end.end()
    if rest := text[start:].strip():
        yield rest, False

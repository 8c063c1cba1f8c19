"""Reads what people say of themselves, of what they want and of what their words mean, by rules that would rather miss
a fact than store one that was not said.

Each rule is a form of sentence (`forms`): a verb that states something, with limits on what may stand in its places.
"""

import re

from entity_extractor.domain.facts import MAX_OBJECT_CHARS, Statement
from entity_extractor.domain.forms import FORMS
from entity_extractor.domain.sentences import own_sentences

_CLAUSES = re.compile(
    r",?\s+and\s+(?=(?:I|my|our|we)\b|[A-Z]{2,}\s+(?:means|stands for)\b|always\b|never\b)", re.IGNORECASE
)


def read(turn: str) -> list[Statement]:
    """What a user's turn states, each thing once; nothing where that is not certain."""
    found: dict[tuple[str, ...], Statement] = {}
    for sentence in own_sentences(turn):
        for clause in _CLAUSES.split(sentence):
            for statement in _first(clause.strip(" ,")):
                if statement.object and len(statement.object) <= MAX_OBJECT_CHARS and statement.subject:
                    key = (statement.kind, statement.subject, statement.predicate, statement.object)
                    found.setdefault(key, statement)
    return list(found.values())


def _first(clause: str) -> list[Statement]:
    """What the first form that fits says."""
    for form in FORMS:
        match = form.pattern.search(clause)
        if match and (statements := list(form.states(match))):
            return statements
    return []

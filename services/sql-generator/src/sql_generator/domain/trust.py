"""How far an answer is trusted: what feedback and success make of it."""

from typing import Final

from contracts.sql_generator import Trust

VERIFIED_AFTER: Final = 2
"""For how many different questions queries of one signature must have run before their SQL counts as verified."""
_GOOD, _BAD = 4, 2


def after_rating(score: int, trust: Trust) -> Trust:
    """The trust in an answer after a person gave it a score from 1 to 5."""
    if score >= _GOOD:
        return "verified"
    return "deprecated" if score <= _BAD else trust


def after_success(questions: int, trust: Trust) -> Trust:
    """The trust in an answer after it ran, when its signature has run for so many different questions."""
    return "verified" if trust == "candidate" and questions >= VERIFIED_AFTER else trust

"""How much a memory matters when nobody says."""

import re
from datetime import datetime, timedelta

from contracts.events import MemoryType

_BY_TYPE: dict[MemoryType, float] = {
    "rule": 0.75,
    "relationship": 0.55,
    "entity": 0.5,
    "long_term": 0.45,
    "short_term": 0.35,
}
_EXPLICIT = re.compile(
    r"\b(remember|always|never|must|important|make sure|from now on|don't forget|do not forget|by definition|prefers?"
    r"|means|is defined as)\b",
    re.IGNORECASE,
)
_EXPLICIT_GAIN = 0.1
_ENTITY_GAIN = 0.02
_ENTITIES_THAT_COUNT = 5
_NEW_GAIN = 0.05
_NEW = timedelta(days=7)

ACCESS_GAIN = 0.01
"""What each access adds to the importance of a memory, up to 1.0."""
PROMOTION_GAIN = 0.1
"""What promotion adds, up to 1.0."""


def initial_importance(
    memory_type: MemoryType, content: str, *, known_entities: int, occurred_at: datetime, now: datetime
) -> float:
    """The importance, from 0 to 1, of a new memory whose importance the caller left open.

    Rules bind and talk fades (its type); words such as "always" or "remember" ask to be kept (explicit); naming
    entities that are known ties it to the data (up to five count); what is told as it happens matters more than old
    news brought in later (newness).
    """
    score = _BY_TYPE[memory_type]
    if _EXPLICIT.search(content):
        score += _EXPLICIT_GAIN
    score += _ENTITY_GAIN * min(known_entities, _ENTITIES_THAT_COUNT)
    if now - occurred_at < _NEW:
        score += _NEW_GAIN
    return round(min(1.0, score), 6)


def current_importance(stated: float, gained: float) -> float:
    """The importance of a memory now: what was stated and what accesses added since, at most 1."""
    return round(min(1.0, stated + gained), 6)


def promoted_importance(stated: float) -> float:
    """The importance of a memory after its promotion."""
    return round(min(1.0, stated + PROMOTION_GAIN), 6)

"""How much a memory matters when nobody says."""

from contracts.events import MemoryType

_BY_TYPE: dict[MemoryType, float] = {
    "rule": 0.8,
    "relationship": 0.6,
    "entity": 0.55,
    "long_term": 0.5,
    "short_term": 0.4,
}

ACCESS_GAIN = 0.01
"""What each access adds to the importance of a memory, up to 1.0."""


def initial_importance(memory_type: MemoryType) -> float:
    """The importance, from 0 to 1, of a new memory whose importance the caller left open: rules bind, talk fades."""
    return _BY_TYPE[memory_type]


def current_importance(stated: float, gained: float) -> float:
    """The importance of a memory now: what was stated and what accesses added since, at most 1."""
    return round(min(1.0, stated + gained), 6)

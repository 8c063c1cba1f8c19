"""Lists in a question: "X, Y and Z"."""

from sql_generator.generation.offline.grammar.reading import Reading

JOINERS = frozenset({"and", ",", "or", "&", "as", "well", "also", "then"})
_DETERMINERS = frozenset({"the", "a", "an", "their", "its", "of", "different", "each", "every", "his", "her", "by"})


def past(reading: Reading, position: int, words: frozenset[str]) -> int:
    """The first position from here whose word is none of `words`."""
    while (item := reading.at(position)) is not None and item.word in words:
        position += 1
    return position


def past_determiners(reading: Reading, position: int) -> int:
    """The first position from here that is no article, possessive or "different"."""
    while (item := reading.at(position)) is not None and (item.word in _DETERMINERS or item.operator("distinct")):
        position += 1
    return position


def next_member(reading: Reading, position: int) -> int | None:
    """Where the next member of a list starts; None where the list has ended."""
    start = position
    position = past(reading, position, JOINERS | _DETERMINERS)
    joined = any(reading.items[index].word in JOINERS for index in range(start, position))
    return position if joined else None

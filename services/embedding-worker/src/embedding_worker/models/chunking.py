"""Where a text that is longer than a model's window is cut, so that each piece says something by itself."""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Sequence
from math import ceil

_OVERLAP = 10
"""A tenth of the window: what spans a cut is whole on one side of it."""
_SLACK = 4
"""A border is looked for in the last quarter of a piece, so that no piece is much smaller than the others."""

# White space goes with what it follows. Ideographs need none around their punctuation. A line may end in the middle of
# a sentence, so it comes second; where nobody writes sentences (lists, SQL) it is what there is.
_PARAGRAPH = re.compile(r"\n[^\S\n]*\n\s*")
_SENTENCE = re.compile(r"[.!?…।؟۔]+[\"'”’»)\]]*\s+|[。！？；]+[」』”’）]*\s*")
_LINE = re.compile(r"\n\s*")
_WORD = re.compile(r"\s+|[，、：]+")
_BORDERS = (_PARAGRAPH, _SENTENCE, _LINE, _WORD)

_ZERO_WIDTH_JOINER = "\u200d"
_SKIN_TONES = range(0x1F3FB, 0x1F400)


def slices(text: str, starts: Sequence[int], size: Callable[[str], int], *, window: int) -> list[slice]:
    """The pieces of `text`, in order: together they hold every character, each fits `window`, neighbours overlap.

    `starts` are the characters at which the model's units (tokens, bytes) begin, ascending; `size` counts the units of
    a text that stands alone, which may be more than it has as a part of another one. A text that fits is one piece. A
    single character that does not fit is a piece all the same.
    """
    pieces: list[slice] = []
    begin = first = 0
    while len(starts) - first > window or (begin and size(text[begin:]) > window):
        end = _end(text, starts, first, begin, size, window)
        if end == len(text):
            break
        pieces.append(slice(begin, end))
        taken = bisect_left(starts, end) - first
        overlap = min(window // _OVERLAP, taken // _SLACK)
        overlapping = min(end, _position(text, starts, first + taken - overlap))
        begin = max(begin + 1, _begin(text, overlapping, end))
        first = bisect_left(starts, begin)
    return [*pieces, slice(begin, len(text))]


def _end(text: str, starts: Sequence[int], first: int, begin: int, size: Callable[[str], int], window: int) -> int:
    """Where the piece that starts with unit `first` ends: all pieces to come are about equally long."""
    left, overlap = len(starts) - first, window // _OVERLAP
    pieces = max(2, ceil((left - overlap) / (window - overlap)))
    take = min(window, ceil((left + (pieces - 1) * overlap) / pieces))
    for last in range(first + take, first, -1):
        lowest, highest = (_position(text, starts, unit) for unit in (last - take // _SLACK, last))
        end = _last_border(text, max(lowest, begin + 1), highest)
        if end <= begin + 1 or size(text[begin:end]) <= window:
            return max(end, begin + 1)
    return begin + 1


def _position(text: str, starts: Sequence[int], unit: int) -> int:
    return starts[unit] if unit < len(starts) else len(text)


def _last_border(text: str, lowest: int, highest: int) -> int:
    """The last of the strongest borders from `lowest` to `highest`; where there is none, between two characters."""
    for border in _BORDERS:
        found = [match.end() for match in border.finditer(text, lowest, highest)]
        if found:
            return found[-1]
    position = highest
    while position > lowest and _joined(text, position):
        position -= 1
    return highest if _joined(text, position) else position


def _begin(text: str, lowest: int, end: int) -> int:
    """The first of the strongest borders from `lowest` up to before `end`, where the overlap of two pieces begins."""
    for border in _BORDERS:
        for match in border.finditer(text, lowest, end):
            if match.end() < end:
                return match.end()
    position = lowest
    while position < end and _joined(text, position):
        position += 1
    return position


def _joined(text: str, position: int) -> bool:
    """Whether the characters around a position are one to the eye: accents, parts of an emoji."""
    if not 0 < position < len(text):
        return False
    before, after = text[position - 1], text[position]
    return (
        _ZERO_WIDTH_JOINER in {before, after}
        or unicodedata.category(after).startswith("M")
        or ord(after) in _SKIN_TONES
    )

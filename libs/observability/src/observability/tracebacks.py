"""Tracebacks that tell where and what kind, and quote nothing."""

import traceback
from collections.abc import Iterator
from types import TracebackType

_INDENT = "  "


def without_texts(exc_info: tuple[type[BaseException], BaseException, TracebackType | None]) -> str:
    """The traceback of an exception and of those that led to it, with their types in place of their texts."""
    return "\n".join(_lines(exc_info[1], set()))


def _lines(error: BaseException, seen: set[int]) -> Iterator[str]:
    seen.add(id(error))
    earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if earlier is not None and id(earlier) not in seen:
        yield from _lines(earlier, seen)
        yield "which led to"
    for frame in traceback.format_tb(error.__traceback__):
        yield frame.rstrip("\n")
    yield f"{type(error).__module__}.{type(error).__qualname__}"
    if isinstance(error, BaseExceptionGroup):
        for number, part in enumerate(error.exceptions):
            yield f"of them number {number}"
            yield from (_INDENT + line for line in _lines(part, seen))

"""Lists that have to fit one reply."""

from collections.abc import Awaitable, Callable, Collection, Hashable, Iterable, Sequence
from itertools import accumulate, takewhile
from typing import Final, TypeVar

from contracts.base import Message
from contracts.methods import MAX_MESSAGE_BYTES, ProblemError
from contracts.problems import problem
from messaging.errors import RetryLater

MessageT = TypeVar("MessageT", bound=Message)
WantedT = TypeVar("WantedT")
FoundT = TypeVar("FoundT")

# What surrounds the items of a reply: brackets, a cursor, a query of 1,000 characters said back, each escaped.
_ENVELOPE_BYTES: Final = 8 * 1024
ROOM_BYTES: Final = MAX_MESSAGE_BYTES - _ENVELOPE_BYTES
"""How many bytes of JSON the items of one reply may take, the commas between them included."""


def fitting(items: Iterable[MessageT], *, reserved: int = 0) -> tuple[MessageT, ...]:
    """The items that fit one reply beside `reserved` bytes of something else, those further ahead first.

    One that is too large for what room is left is passed over, so that it does not hide those behind it.
    """
    room = ROOM_BYTES - reserved
    taken: list[MessageT] = []
    for item in items:
        size = _size(item) + 1
        if size <= room:
            taken.append(item)
            room -= size
    return tuple(taken)


def page(found: Sequence[MessageT], limit: int) -> tuple[tuple[MessageT, ...], MessageT | None]:
    """Up to `limit` of the items found, as many as fit one reply, and the last of them when others follow.

    Whoever reads one item more than `limit` learns from this whether there is a next page; the cursor of the next page
    is made from the item given.

    Raises:
        ProblemError: `too-large`, the first item fits no reply: a page without it would end the list unseen.
    """
    sizes = accumulate(_size(item) + 1 for item in found[:limit])
    items = tuple(item for item, _ in takewhile(lambda pair: pair[1] <= ROOM_BYTES, zip(found, sizes, strict=False)))
    if found and not items:
        raise _too_large()
    return items, items[-1] if len(items) < len(found) else None


def must_fit_a_page(item: MessageT) -> MessageT:
    """The item. Checked before it is kept, so that nothing is kept that no list can show.

    Raises:
        ProblemError: `too-large`.
    """
    if not fitting((item,)):
        raise _too_large()
    return item


async def all_of(
    wanted: Sequence[WantedT],
    ask: Callable[[tuple[WantedT, ...]], Awaitable[tuple[Iterable[FoundT], Collection[Hashable]]]],
    *,
    key: Callable[[WantedT], Hashable],
    at_once: int | None = None,
) -> list[FoundT]:
    """What there is of `wanted`, asked for as often as replies leave some for want of room.

    `ask` returns what a reply holds, and the keys of those that it answered, also of what is not there.

    Raises:
        RetryLater: a reply answered none.
    """
    found: list[FoundT] = []
    left = list(wanted)
    while left:
        items, answered = await ask(tuple(left[:at_once]))
        if not answered:
            raise RetryLater("none of what was asked for was answered")
        found += items
        left = [each for each in left if key(each) not in answered]
    return found


def _size(item: Message) -> int:
    return len(item.model_dump_json().encode())


def _too_large() -> ProblemError:
    return ProblemError(problem("too-large", f"it takes more than {ROOM_BYTES} bytes and does not fit one message"))

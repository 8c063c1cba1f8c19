import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.base import Message
from contracts.methods import MAX_MESSAGE_BYTES, ProblemError
from messaging import RetryLater, paging


class Item(Message):
    text: str


class Page(Message):
    items: tuple[Item, ...]
    query: str
    next_cursor: str


def items(sizes):
    # Three bytes each: characters are not what counts.
    return [Item(text="規" * (size // 3)) for size in sizes]


@given(st.lists(st.integers(0, 300_000), max_size=8), st.integers(1, 8))
def test_pages_fit_a_message_and_together_are_the_list(sizes, limit):
    rest = items(sizes)
    seen = []
    while True:
        page, last = paging.page(rest[: limit + 1], limit)
        reply = Page(items=page, query="\x01" * 1_000, next_cursor="x" * 500)
        assert len(reply.model_dump_json().encode()) <= MAX_MESSAGE_BYTES
        seen += page
        rest = rest[len(page) :]
        if last is None:
            break
        assert last == page[-1]
    assert (rest, seen) == ([], items(sizes))


def test_a_page_takes_as_much_as_fits():
    page, last = paging.page(items([100_000] * 9), limit=8)
    assert len(page) == 5
    assert last is page[4]


def test_what_else_a_reply_holds_takes_its_room():
    assert len(paging.fitting(items([100_000] * 9), reserved=250_000)) == 2


def test_an_item_that_fits_no_page_is_refused_instead_of_ending_the_list():
    large = items([MAX_MESSAGE_BYTES, 1])
    with pytest.raises(ProblemError) as refused:
        paging.page(large, limit=5)
    assert refused.value.problem.type == "too-large"
    with pytest.raises(ProblemError):
        paging.must_fit_a_page(large[0])
    assert paging.must_fit_a_page(large[1]) is large[1]


@given(st.lists(st.integers(), unique=True, max_size=30), st.integers(1, 7), st.integers(1, 9))
async def test_what_replies_leave_out_is_asked_for_again(wanted, room, at_once):
    asked = []

    async def ask(some):
        asked.append(some)
        answered = some[:room]
        return [each for each in answered if each % 2], set(answered)

    found = await paging.all_of(wanted, ask, key=lambda each: each, at_once=at_once)
    assert found == [each for each in wanted if each % 2]
    assert all(len(some) <= at_once for some in asked)


async def test_who_is_answered_nothing_tries_later():
    async def ask(some):
        return [], set()

    with pytest.raises(RetryLater):
        await paging.all_of([1], ask, key=lambda each: each)

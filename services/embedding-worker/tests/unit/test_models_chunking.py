"""Cutting long texts, by the units of three toy models: bytes, characters, and pieces of words as WordPiece has them."""

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedding_worker.models.chunking import slices

WORD_PIECE = re.compile(r"\S{1,3}")


def byte_starts(text):
    return [index for index, character in enumerate(text) for _ in character.encode()]


def character_starts(text):
    return list(range(len(text)))


def word_piece_starts(text):
    # Words of more than 20 characters are one unknown token, so that a part of one may have more tokens than the whole.
    return [
        word.start() + piece.start()
        for word in re.finditer(r"\S+", text)
        for piece in ([re.match("", "")] if len(word[0]) > 20 else WORD_PIECE.finditer(word[0]))
    ]


MODELS = st.sampled_from([byte_starts, character_starts, word_piece_starts])
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=400),
    st.lists(
        st.sampled_from(["Ada", "revenue.", "\n", "\n\n", "数据库，", "客户。", "🙂", "👩‍👩‍👧", "é", "x" * 30])
    ).map(" ".join),
    st.text("数据库客户。", max_size=400),
    st.text("ab 🙂\u200d\u0301", max_size=400),
)


def cut(text, starts_of=character_starts, *, window):
    return [text[piece] for piece in slices(text, starts_of(text), lambda part: len(starts_of(part)), window=window)]


@settings(max_examples=300, deadline=None)
@given(TEXTS, MODELS, st.integers(4, 60))
def test_every_character_is_in_a_piece_and_the_pieces_follow_each_other(text, starts_of, window):
    pieces = slices(text, starts_of(text), lambda part: len(starts_of(part)), window=window)

    assert (pieces[0].start, pieces[-1].stop) == (0, len(text))
    for before, after in pairwise(pieces):
        assert before.start < after.start <= before.stop < after.stop


@settings(max_examples=300, deadline=None)
@given(TEXTS, MODELS, st.integers(4, 60))
def test_every_piece_fits(text, starts_of, window):
    for piece in cut(text, starts_of, window=window):
        assert len(starts_of(piece)) <= window


@settings(max_examples=300, deadline=None)
@given(TEXTS, MODELS)
def test_a_text_that_fits_is_one_piece_as_it_is(text, starts_of):
    assert cut(text, starts_of, window=max(1, len(starts_of(text)))) == [text]


@settings(max_examples=100, deadline=None)
@given(TEXTS, MODELS, st.integers(4, 60))
def test_there_are_not_many_more_pieces_than_needed(text, starts_of, window):
    units = len(starts_of(text))

    # Three quarters of a window each, less what overlaps; the last ones share what is left.
    assert len(cut(text, starts_of, window=window)) <= 2 + 2.5 * units / window


def test_pieces_are_about_equally_long():
    lengths = [len(piece) for piece in cut("word " * 51, window=250)]
    assert len(lengths) == 2
    assert min(lengths) > 100


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("a b c d e f g.\n\nh i. j k l m n o", "a b c d e f g.\n\n"),
        ("a b c d e f g. h\ni j k l m n o", "a b c d e f g. "),
        ("a b c d e f g\nh i j k l m n o", "a b c d e f g\n"),
        ("a b c d e f gh ij kl m n o p q", "a b c d e f gh "),
        ("客户的收入按季度汇总。不包括退款和税费的部分", "客户的收入按季度汇总。"),
        ("abcdefghijklmnopqrstuvwxyz", "abcdefghijklmn"),
    ],
)
def test_a_text_is_cut_at_the_strongest_border_near_the_end_of_a_piece(text, first):
    assert cut(text, window=len(text) - 1)[0] == first


def test_a_piece_begins_with_the_end_of_the_one_before():
    text = " ".join(f"word{n}" for n in range(100))
    pieces = cut(text, window=200)
    for before, after in pairwise(pieces):
        shared = max(size for size in range(len(after)) if before.endswith(after[:size]))
        assert 6 <= shared <= 20
        assert after.startswith("word")


@pytest.mark.parametrize("whole", ["👩\u200d👩\u200d👧", "👍🏽", "e\u0301", "❤\ufe0f"])
def test_what_is_one_character_to_the_eye_is_not_cut(whole):
    for piece in cut(whole * 40, window=20):
        assert piece == whole * (len(piece) // len(whole))


def test_a_character_that_does_not_fit_is_a_piece_all_the_same():
    assert cut("a🙂b", byte_starts, window=2) == ["a", "🙂", "b"]

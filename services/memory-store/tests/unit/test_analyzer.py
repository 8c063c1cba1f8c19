import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_store.domain.analyzer import MAX_TERM_CHARS, terms


@pytest.mark.parametrize(
    "text", ["customer_id", "customerId", "CustomerID", "CUSTOMER ID", "customer-id", "customer.id"]
)
def test_an_identifier_is_split_however_it_is_spelled(text):
    assert terms(text) == ["custom", "id"]


def test_an_acronym_ends_where_the_next_word_begins():
    assert terms("HTTPServer parseJSONValue") == ["http", "server", "pars", "json", "valu"]


def test_numbers_and_codes_stay_whole():
    assert terms("SKU A113 from Q3 2024, 19.99 EUR") == ["sku", "a113", "q3", "2024", "19", "99", "eur"]


def test_english_words_meet_in_their_stem():
    assert terms("orders ordering ordered") == ["order", "order", "order"]
    assert terms("the customer's preferences") == terms("Customer’s preference")


def test_stop_words_are_dropped_unless_there_is_nothing_else():
    assert terms("what is the revenue of the region") == ["revenu", "region"]
    assert terms("what is it") == ["what", "is", "it"]


def test_words_that_matter_to_sql_are_no_stop_words():
    assert terms("not all between over top") == ["not", "all", "between", "over", "top"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("東京都の売上", ["東京", "京都", "都の", "の売", "売上"]),
        ("顧客はカスタマーです", ["顧客", "客は", "はカ", "カス", "スタ", "タマ", "マー", "ーで", "です"]),
        ("한국어 매출", ["한국", "국어", "매출"]),
        ("ยอดขาย", ["ยอ", "อด", "ดข", "ขา", "าย"]),
        ("米", ["米"]),
        ("2024年の売上sales", ["2024", "年の", "の売", "売上", "sale"]),
    ],
)
def test_scripts_without_spaces_become_pairs_of_characters(text, expected):
    assert terms(text) == expected


def test_half_and_full_width_are_one():
    assert terms("ＳＱＬ　ｶｽﾀﾏｰ") == terms("sql カスタマー")


def test_letters_keep_the_marks_they_are_written_with():
    assert terms("कीमत מְחִיר السِّعر") == ["कीमत", "מְחִיר", "السِّعر"]


def test_composed_and_decomposed_letters_are_one():
    assert terms("Gr\u006f\u0308ße") == terms("Größe") == ["grösse"]


def test_pictographs_are_terms_without_their_modifiers():
    assert terms("pizza 🍕🍕 for 👍🏽 ☀️") == ["pizza", "🍕", "🍕", "👍", "☀"]


def test_punctuation_alone_is_kept():
    assert terms("??? !=") == ["???", "!="]


def test_a_blank_text_has_no_terms():
    assert terms(" \t\n") == []


@given(st.text(min_size=1))
def test_whatever_is_not_blank_has_terms_that_fit_an_index(text):
    found = terms(text)
    assert bool(found) == bool(text.strip())
    assert all(1 <= len(term) <= MAX_TERM_CHARS for term in found)


@given(st.text())
def test_the_case_of_ascii_words_does_not_matter(text):
    words = "".join(character for character in text if character.isascii())
    assert terms(words.lower()) == terms(words.lower().swapcase())


@given(st.lists(st.sampled_from(["order", "revenue", "東京", "customer_id", "🍕"]), min_size=1))
def test_the_terms_of_two_texts_are_those_of_both_together(words):
    assert terms(" ".join(words)) == [term for word in words for term in terms(word)]

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_store.domain.content import content_hash, content_key, excerpt
from memory_store.domain.importance import current_importance, initial_importance, promoted_importance
from memory_store.domain.lifecycle import expiry, undo

NOW = datetime(2026, 3, 1, tzinfo=UTC)
WEEK = timedelta(days=7)


def test_the_hash_depends_on_the_content_and_on_the_secret():
    key = content_key("a" * 32)
    assert content_hash(key, "prefers aliases") == content_hash(key, "prefers aliases")
    assert content_hash(key, "prefers aliases") != content_hash(key, "prefers tables")
    assert content_hash(key, "prefers aliases") != content_hash(content_key("b" * 32), "prefers aliases")


def test_the_hash_is_no_plain_use_of_the_secret():
    import hashlib
    import hmac

    assert content_hash(content_key("s" * 32), "x") != hmac.new(b"s" * 32, b"x", hashlib.sha256).hexdigest()


def test_short_term_memories_expire_unless_said_otherwise():
    stated = NOW + timedelta(hours=1)
    assert expiry("short_term", None, now=NOW, short_term=WEEK) == NOW + WEEK
    assert expiry("short_term", stated, now=NOW, short_term=WEEK) == stated
    assert expiry("long_term", None, now=NOW, short_term=WEEK) is None
    assert expiry("long_term", stated, now=NOW, short_term=WEEK) == stated


@given(st.text(min_size=1), st.integers(2, 300))
def test_an_excerpt_is_a_beginning_that_fits(content, limit):
    found = excerpt(content, limit)
    assert len(found) <= limit
    assert found == content or content.startswith(found.removesuffix("…"))


def test_an_excerpt_ends_between_words():
    assert excerpt("alpha beta gamma delta", 15) == "alpha beta…"
    assert excerpt("x" * 300, 200) == "x" * 199 + "…"
    assert excerpt("\r00", 2) == "…"


def importance(memory_type="long_term", content="orders ship daily", known_entities=0, age=timedelta()):
    return initial_importance(memory_type, content, known_entities=known_entities, occurred_at=NOW - age, now=NOW)


def test_rules_matter_more_than_talk():
    assert importance("rule") > importance("relationship") > importance("long_term") > importance("short_term")


def test_what_asks_to_be_kept_names_the_data_or_is_new_matters_more():
    assert importance(content="Always ship orders daily") > importance()
    assert importance(known_entities=2) > importance(known_entities=1) > importance()
    assert importance(known_entities=50) == importance(known_entities=5)
    assert importance() > importance(age=timedelta(days=8))


@given(
    st.sampled_from(["rule", "relationship", "entity", "long_term", "short_term"]),
    st.text(),
    st.integers(0, 100),
    st.timedeltas(timedelta(0), timedelta(days=10_000)),
)
def test_a_first_importance_lies_between_0_and_1(memory_type, content, known_entities, age):
    assert 0 <= importance(memory_type, content, known_entities, age) <= 1


@given(st.floats(0, 1))
def test_promotion_adds_a_tenth_up_to_1(stated):
    assert promoted_importance(stated) == pytest.approx(min(1.0, stated + 0.1), abs=1e-6)


def test_there_is_nothing_to_undo_on_a_live_memory_that_was_not_promoted():
    for change in ("created", "updated", "restored"):
        assert (
            undo(
                is_archived=False,
                change=change,
                memory_type="short_term",
                expires_at=None,
                now=NOW,
                short_term=WEEK,
            )
            is None
        )


def test_what_expired_gets_a_new_span_of_life():
    undone = undo(
        is_archived=True, change="archived", memory_type="short_term", expires_at=NOW, now=NOW, short_term=WEEK
    )
    assert undone.values["expires_at"] == NOW + WEEK


@given(st.floats(0, 1), st.floats(0, 1))
def test_importance_never_leaves_its_bounds(stated, gained):
    assert 0 <= current_importance(stated, gained) <= 1


def test_accesses_add_up_to_the_importance():
    assert current_importance(0.5, 0.03) == pytest.approx(0.53)

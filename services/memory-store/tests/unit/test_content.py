from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_store.domain.content import content_hash, content_key, excerpt, expiry
from memory_store.domain.importance import current_importance, initial_importance

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


def test_rules_matter_more_than_talk():
    assert initial_importance("rule") == 0.8
    assert initial_importance("long_term") == 0.5
    assert initial_importance("rule") > initial_importance("long_term") > initial_importance("short_term")


@given(st.floats(0, 1), st.floats(0, 1))
def test_importance_never_leaves_its_bounds(stated, gained):
    assert 0 <= current_importance(stated, gained) <= 1


def test_accesses_add_up_to_the_importance():
    assert current_importance(0.5, 0.03) == pytest.approx(0.53)

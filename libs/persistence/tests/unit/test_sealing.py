import pytest
from hypothesis import given
from hypothesis import strategies as st

from persistence.sealing import SecretBox, SecretUnreadable

ROW = "tenant/user/3f0e"
DSN = "postgresql://u:p@host/db"


@given(st.text(), st.text())
def test_a_sealed_secret_opens_where_it_belongs(plaintext: str, bound_to: str) -> None:
    box = SecretBox.from_secrets(["key"], purpose="test")
    assert box.open(box.seal(plaintext, bound_to=bound_to), bound_to=bound_to) == plaintext


def test_a_token_hides_its_secret_and_is_never_the_same() -> None:
    box = SecretBox.from_secrets(["key"], purpose="test")
    tokens = {box.seal(DSN, bound_to=ROW) for _ in range(50)}
    assert len(tokens) == 50
    assert not any(b"postgres" in token or b"host" in token for token in tokens)


def test_a_token_moved_to_another_row_is_unreadable() -> None:
    box = SecretBox.from_secrets(["key"], purpose="test")
    with pytest.raises(SecretUnreadable, match="another row"):
        box.open(box.seal(DSN, bound_to=ROW), bound_to="tenant/other/3f0e")


@given(st.data())
def test_a_token_changed_anywhere_is_unreadable(data: st.DataObject) -> None:
    box = SecretBox.from_secrets(["key"], purpose="test")
    token = bytearray(box.seal(DSN, bound_to=ROW))
    token[data.draw(st.integers(0, len(token) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SecretUnreadable):
        box.open(bytes(token), bound_to=ROW)


@given(st.binary(max_size=80))
def test_anything_else_is_unreadable(token: bytes) -> None:
    with pytest.raises(SecretUnreadable):
        SecretBox.from_secrets(["key"], purpose="test").open(token, bound_to=ROW)


def test_keys_rotate_without_losing_a_secret() -> None:
    old = SecretBox.from_secrets(["old"], purpose="test")
    token = old.seal(DSN, bound_to=ROW)
    both = SecretBox.from_secrets(["new", "old"], purpose="test")
    assert both.open(token, bound_to=ROW) == DSN
    assert both.needs_reseal(token)
    resealed = both.seal(DSN, bound_to=ROW)
    assert not both.needs_reseal(resealed)
    new = SecretBox.from_secrets(["new"], purpose="test")
    assert new.open(resealed, bound_to=ROW) == DSN
    with pytest.raises(SecretUnreadable, match="not configured"):
        new.open(token, bound_to=ROW)


def test_explicit_keys_are_used_in_their_order_and_checked() -> None:
    box = SecretBox({2: b"b" * 32, 1: b"a" * 32})
    assert SecretBox({1: b"a" * 32}).needs_reseal(box.seal(DSN, bound_to=ROW))
    for keys in ({}, {1: b"short"}, {-1: b"a" * 32}, {2**32: b"a" * 32}):
        with pytest.raises(ValueError, match="key"):
            SecretBox(keys)
    with pytest.raises(ValueError, match="SECRET_KEY"):
        SecretBox.from_secrets([""], purpose="test")

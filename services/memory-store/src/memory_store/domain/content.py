"""What is derived from a memory's content: a keyed hash, an excerpt."""

import hashlib
import hmac
import re

_ELLIPSIS = "…"
_LAST_SPACE = re.compile(r"\s\S*\Z")


def content_key(secret_key: str) -> bytes:
    """The key of the content hashes: derived, so that no other use of the secret can be turned against them."""
    return hmac.digest(secret_key.encode(), b"memori memory content", hashlib.sha256)


def content_hash(key: bytes, content: str) -> str:
    """HMAC-SHA256 of a content, in hex: equal for equal content, and nobody without the key can guess it back."""
    return hmac.digest(key, content.encode(), hashlib.sha256).hex()


def excerpt(content: str, limit: int) -> str:
    """The beginning of a content in at most `limit` characters, cut between words where that loses little."""
    if len(content) <= limit:
        return content
    head = content[: limit - len(_ELLIPSIS)]
    last_space = _LAST_SPACE.search(head)
    whole_words = head[: last_space.start()] if last_space else ""
    return (whole_words if len(whole_words) >= limit // 2 else head).rstrip() + _ELLIPSIS

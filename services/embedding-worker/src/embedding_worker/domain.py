"""What embedding-worker decides: which texts are equal, and which must be embedded."""

import hashlib
import hmac
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """A text of a user; the key under which its vector is cached never reveals the text."""

    tenant_id: str
    user_id: str
    content: str

    def key(self, secret: bytes) -> tuple[str, str, bytes]:
        """Tenant, user and the keyed hash of the content."""
        digest = hmac.digest(secret, self.content.encode(), hashlib.sha256)
        return self.tenant_id, self.user_id, digest


def cache_secret(secret_key: str) -> bytes:
    """The key of the content hashes: derived, so that no other use of the secret can be turned against them."""
    return hmac.digest(secret_key.encode(), b"memori embedding cache", hashlib.sha256)

"""What is kept encrypted at rest: AES-256-GCM under a ring of keys.

A token is `version (1 byte) | key id (4 bytes) | nonce (12 bytes) | ciphertext and tag`. The first 5 bytes and what
the secret is bound to are authenticated with it, so a token copied to another row does not open there.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

VERSION = 1
KEY_BYTES = 32
_KEY_ID_BYTES = 4
_NONCE_BYTES = 12
_HEADER_BYTES = 1 + _KEY_ID_BYTES


class SecretUnreadable(Exception):  # noqa: N818  # reads as what it says
    """The token is damaged, belongs to another row, or was sealed with a key that is not on the ring."""


class SecretBox:
    """Seals secrets with the first key and opens them with any key of the ring.

    To rotate, put a new key first, reseal what `needs_reseal`, then drop the old key.
    """

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        if not keys:
            raise ValueError("at least one key is needed")
        for key_id, key in keys.items():
            if not 0 <= key_id < 2 ** (8 * _KEY_ID_BYTES):
                raise ValueError(f"the key id {key_id} does not fit {_KEY_ID_BYTES} bytes")
            if len(key) != KEY_BYTES:
                raise ValueError(f"key {key_id} has {len(key)} bytes instead of {KEY_BYTES}")
        self._ring = {key_id.to_bytes(_KEY_ID_BYTES, "big"): AESGCM(key) for key_id, key in keys.items()}
        self._sealing_id = next(iter(self._ring))

    @classmethod
    def from_secrets(cls, secrets: Sequence[str], *, purpose: str) -> Self:
        """From values of `SECRET_KEY`, the current one first. Keys are derived with HKDF-SHA256 (RFC 5869) for one
        purpose, so that what is sealed for another does not open here; a key's id is the start of its SHA-256.
        """
        keys: dict[int, bytes] = {}
        for secret in secrets:
            if not secret:
                raise ValueError("SECRET_KEY must not be empty")
            key = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose.encode()).derive(secret.encode())
            digest = Hash(SHA256())
            digest.update(key)
            keys[int.from_bytes(digest.finalize()[:_KEY_ID_BYTES], "big")] = key
        return cls(keys)

    def seal(self, plaintext: str, *, bound_to: str) -> bytes:
        """A token that opens only with the same `bound_to` (tenant, user and data source id, say)."""
        header = bytes([VERSION]) + self._sealing_id
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ring[self._sealing_id].encrypt(nonce, plaintext.encode(), header + bound_to.encode())
        return header + nonce + sealed

    def open(self, token: bytes, *, bound_to: str) -> str:
        """The plaintext; raises `SecretUnreadable`."""
        header, nonce = token[:_HEADER_BYTES], token[_HEADER_BYTES : _HEADER_BYTES + _NONCE_BYTES]
        if len(nonce) != _NONCE_BYTES or header[0] != VERSION:
            raise SecretUnreadable("the token has an unknown format")
        key = self._ring.get(header[1:])
        if key is None:
            raise SecretUnreadable("the token was sealed with a key that is not configured")
        try:
            plaintext = key.decrypt(nonce, token[_HEADER_BYTES + _NONCE_BYTES :], header + bound_to.encode())
        except InvalidTag:
            raise SecretUnreadable("the token is damaged or belongs to another row") from None
        return plaintext.decode()

    def needs_reseal(self, token: bytes) -> bool:
        """Whether the token was sealed with anything but the current key and format."""
        return token[:_HEADER_BYTES] != bytes([VERSION]) + self._sealing_id

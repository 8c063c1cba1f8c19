"""Embedding models: text in, L2-normalised float32 vectors out.

`catalog.create_model` builds one from settings. Each implementation is imported only when it is chosen, so that a
worker on the local model never pays for the OpenAI SDK, nor the other way round.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["EmbeddingError", "EmbeddingModel", "EmbeddingRejected", "EmbeddingUnavailable"]


class EmbeddingModel(Protocol):
    """Turns texts into unit vectors, so that a dot product is the cosine similarity.

    Two lanes: batches may wait for each other, a query never waits behind a batch.
    """

    name: str
    """Identifies the vector space: vectors of different names must never be compared."""
    dimensions: int
    default_min_similarity: float
    """Cosine similarity from which a memory counts as related to a question, when the caller sets no threshold."""
    max_tokens: int
    """Length of the model's window in its own tokens, special tokens included."""

    async def split(self, texts: Sequence[str]) -> list[list[str]]:
        """The pieces of each text, in their order, that each fit the window; a text that fits is its only piece.

        Neighbouring pieces share a few words. Raises EmbeddingRejected for what is not valid Unicode.
        """
        ...

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The vectors of `texts` in their order: shape (n, dimensions), each row of length 1.

        What of a text is beyond the window is not read. Raises EmbeddingUnavailable or EmbeddingRejected; then none of
        the texts has a vector.
        """
        ...

    async def embed_query(self, text: str) -> NDArray[np.float32]:
        """The vector of one text: shape (dimensions,), of length 1. Raises as `embed` does."""
        ...

    async def close(self) -> None:
        """Release threads and connections, once no call is running."""
        ...


class EmbeddingError(Exception):
    """No vector. The message never holds the text itself nor a credential."""


class EmbeddingUnavailable(EmbeddingError):  # noqa: N818  # named for what the caller does about it
    """The model cannot answer now: try again later, in `retry_after` seconds where the provider says so."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class EmbeddingRejected(EmbeddingError):  # noqa: N818  # named for what the caller does about it
    """The input will never get a vector: trying again does not help."""

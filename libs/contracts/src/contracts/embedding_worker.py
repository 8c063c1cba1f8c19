"""What embedding-worker answers: the vector of a query, and how it catches up."""

from typing import Annotated

from pydantic import Field

from contracts.base import Message, Text, Vector
from contracts.methods import Empty, Method

SERVICE = "embedding-worker"


class Embed(Message):
    """Embed one text now, beside whatever batch is running."""

    text: Annotated[Text, Field(min_length=1, max_length=10_000)]


class ModelVector(Message):
    """The vector of a text, and the model that made it."""

    model: str
    dimensions: int
    min_similarity: float = Field(description="The model's calibrated default threshold, cosine similarity")
    embedding: Vector


class Embedding(ModelVector):
    """The vector of the configured model, and those of models it is taking over from, which memories still have."""

    others: tuple[ModelVector, ...] = ()


class Reembedding(Message):
    """What the worker is about: its model, the models it still answers for, and whether it is catching up now."""

    model: str
    others: tuple[str, ...] = ()
    catching_up: bool


EMBED = Method(SERVICE, "embed", Embed, Embedding)
REEMBED = Method(SERVICE, "reembed", Empty, Reembedding)
"""Look for memories without a vector now instead of at the next round; answers at once."""

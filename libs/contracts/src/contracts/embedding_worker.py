"""What embedding-worker answers: the vector of a query."""

from typing import Annotated

from pydantic import Field

from contracts.base import Message, Text, Vector
from contracts.methods import Method

SERVICE = "embedding-worker"


class Embed(Message):
    """Embed one text now, beside whatever batch is running."""

    text: Annotated[Text, Field(min_length=1, max_length=10_000)]


class Embedding(Message):
    """The vector of a text, and the model that made it."""

    model: str
    dimensions: int
    min_similarity: float = Field(description="The model's calibrated default threshold, cosine similarity")
    embedding: Vector


EMBED = Method(SERVICE, "embed", Embed, Embedding)

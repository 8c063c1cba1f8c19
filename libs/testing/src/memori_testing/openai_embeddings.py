"""OpenAI's `POST /v1/embeddings` over vectors that need no model: texts that share words are similar."""

from __future__ import annotations

import base64
import math
import random
import re
import struct
from hashlib import blake2b
from typing import Any

from memori_testing.answers import Request
from memori_testing.openai_chat import openai_error
from memori_testing.protocol import missing

_MAX_INPUTS = 2048
_COMPONENTS_PER_WORD = 8
_WORD = re.compile(r"\w+")


def embedding(text: str, dimensions: int = 1536) -> list[float]:
    """The unit vector of `text`, the same in every process.

    Signed feature hashing (Weinberger et al., 2009): each word adds ±1 to a few components that its hash chooses, so
    the cosine similarity of two texts grows with the words they share and is near 0 when they share none.
    """
    words = _WORD.findall(text.casefold()) or [text]
    vector = _sum_of_words(words, dimensions)
    norm = math.hypot(*vector)
    if norm == 0:  # the words cancelled out, which only very few dimensions allow
        vector = _sum_of_words([text], dimensions)
        norm = math.hypot(*vector)
    return [component / norm for component in vector]


def _sum_of_words(words: list[str], dimensions: int) -> list[float]:
    vector = [0.0] * dimensions
    for word in words:
        choice = random.Random(blake2b(word.encode(), digest_size=8).digest())  # noqa: S311 - a hash, not a secret
        for index in choice.sample(range(dimensions), k=min(_COMPONENTS_PER_WORD, dimensions)):
            vector[index] += choice.choice((-1.0, 1.0))
    return vector


class OpenAIEmbeddings:
    """Vectors of `dimensions` components, unless the request asks for another number of them."""

    def __init__(self, dimensions: int) -> None:
        self._dimensions = dimensions

    def invalid(self, request: Request) -> str | None:
        if complaint := missing(request, "model", "input"):
            return complaint
        texts = _texts(request)
        if len(texts) > _MAX_INPUTS:
            return f"input: at most {_MAX_INPUTS} inputs, got {len(texts)}"
        return "input: cannot be an empty string" if "" in texts else None

    def document(self, request: Request) -> dict[str, Any]:
        texts = _texts(request)
        dimensions = request.body.get("dimensions") or self._dimensions
        as_base64 = request.body.get("encoding_format") == "base64"
        tokens = sum(len(_WORD.findall(text)) for text in texts)
        return {
            "object": "list",
            "model": request.body["model"],
            "data": [
                {"object": "embedding", "index": index, "embedding": _base64(vector) if as_base64 else vector}
                for index, vector in enumerate(embedding(text, dimensions) for text in texts)
            ],
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }

    def error(self, code: int, message: str) -> dict[str, Any]:
        return openai_error(code, message)


def _texts(request: Request) -> list[str]:
    """The inputs as texts: one string, many strings, one array of tokens or many of them."""
    given = request.body["input"]
    if isinstance(given, str):
        return [given]
    if all(isinstance(token, int) for token in given):
        return [" ".join(map(str, given))]
    return [item if isinstance(item, str) else " ".join(map(str, item)) for item in given]


def _base64(vector: list[float]) -> str:
    """Little-endian float32, as the API packs them."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()

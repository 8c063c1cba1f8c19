"""Embeddings from OpenAI, or from anything that speaks its API (Ollama, vLLM, TEI)."""

import asyncio
import base64
import email.utils
import json
import math
import time
from collections.abc import Sequence
from contextlib import suppress
from http import HTTPStatus

import numpy as np
from numpy.typing import NDArray
from openai import APIConnectionError, APIStatusError, AsyncOpenAI, omit
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, stop_before_delay
from tenacity.wait import wait_random_exponential

from embedding_worker.models import EmbeddingRejected, EmbeddingUnavailable
from embedding_worker.models.batching import by_size
from embedding_worker.models.chunking import slices

# A token is at least one byte, so this keeps a request under the API's 300,000 tokens whatever the script.
_MAX_REQUEST_BYTES = 256 * 1024
_SPECIAL_TOKENS = 2  # that some endpoints put around a text
_MAX_REQUEST_TEXTS = 100
_CONCURRENT_BATCH_REQUESTS = 2
_ATTEMPTS = 3
_MAX_PAUSE_SHARE = 0.25  # of the deadline: a longer pause is the caller's to wait
_REJECTED = {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}
_CREDENTIALS = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
_MAY_PASS = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS}


class OpenAIModel:
    """Implements EmbeddingModel over HTTP.

    Two batch requests run at a time; a query is sent at once, whatever the batches do. A fault that may pass is
    retried at most twice, within the same deadline, where the provider does not ask for a longer pause.
    """

    def __init__(
        self,
        *,
        name: str,
        model: str,
        dimensions: int,
        send_dimensions: bool,
        default_min_similarity: float,
        max_tokens: int,
        api_key: str,
        base_url: str | None = None,
        batch_timeout: float = 30.0,
        query_timeout: float = 5.0,
    ) -> None:
        """`batch_timeout`, `query_timeout`: deadlines in seconds for one request with its retries.

        `name` is the vector space's, `model` what the provider calls the model. Connects with the first request.
        """
        self.name = name
        self.dimensions = dimensions
        self.default_min_similarity = default_min_similarity
        self.max_tokens = max_tokens
        self._model = model
        self._sent_dimensions = dimensions if send_dimensions else omit
        self._batch_timeout = batch_timeout
        self._query_timeout = query_timeout
        self._client = AsyncOpenAI(api_key=api_key, base_url=base_url, timeout=batch_timeout, max_retries=0)
        self._batch_lane = asyncio.Semaphore(_CONCURRENT_BATCH_REQUESTS)

    async def split(self, texts: Sequence[str]) -> list[list[str]]:
        window = self.max_tokens - _SPECIAL_TOKENS
        sizes = _utf8_sizes(texts)
        return [
            [text] if size <= window else await asyncio.to_thread(_pieces, text, window)
            for text, size in zip(texts, sizes, strict=True)
        ]

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        for part in by_size(_utf8_sizes(texts), max_texts=_MAX_REQUEST_TEXTS, max_size=_MAX_REQUEST_BYTES):
            async with self._batch_lane:
                vectors[part] = await self._request([texts[index] for index in part], self._batch_timeout)
        return vectors

    async def embed_query(self, text: str) -> NDArray[np.float32]:
        _utf8_sizes([text])
        vectors = await self._request([text], self._query_timeout)
        vector: NDArray[np.float32] = vectors[0]
        return vector

    async def close(self) -> None:
        await self._client.close()

    async def _request(self, texts: list[str], deadline: float) -> NDArray[np.float32]:
        """One request's vectors, retried until `deadline` seconds from now."""
        retrying = AsyncRetrying(
            stop=stop_after_attempt(_ATTEMPTS) | stop_before_delay(deadline),
            wait=_pause,
            retry=retry_if_exception(lambda error: _may_pass_within(deadline * _MAX_PAUSE_SHARE, error)),
            reraise=True,
        )

        async def post() -> bytes:
            response = await self._client.embeddings.with_raw_response.create(
                input=texts,
                model=self._model,
                dimensions=self._sent_dimensions,
                encoding_format="base64",  # a quarter of the bytes; endpoints that do not know it send numbers
            )
            return response.http_response.content

        # The provider's own messages are dropped (`from None`): they may quote the text or part of the key.
        try:
            async with asyncio.timeout(deadline):
                content: bytes = await retrying(post)
        except TimeoutError:
            raise EmbeddingUnavailable(f"no answer from the embedding provider within {deadline:g} s") from None
        except APIConnectionError as error:
            cause = type(error.__cause__ or error).__name__
            raise EmbeddingUnavailable(f"the embedding provider cannot be reached ({cause})") from None
        except APIStatusError as error:
            raise self._classify(error) from None
        return _decode(content, len(texts), self.dimensions)

    def _classify(self, error: APIStatusError) -> EmbeddingUnavailable | EmbeddingRejected:
        status = error.status_code
        if status in _REJECTED:
            return EmbeddingRejected(
                f"the embedding provider refused the input: HTTP {status} {error.type or ''}".rstrip()
            )
        if status in _CREDENTIALS:
            return EmbeddingUnavailable(
                f"the embedding provider refused the credentials (HTTP {status}): check OPENAI_API_KEY"
            )
        if status == HTTPStatus.NOT_FOUND:
            return EmbeddingUnavailable(
                f"the embedding provider does not know the model {self._model!r} or the path (HTTP 404)"
            )
        return EmbeddingUnavailable(f"the embedding provider answered HTTP {status}", retry_after=_retry_after(error))


def _utf8_sizes(texts: Sequence[str]) -> list[int]:
    try:
        return [len(text.encode()) for text in texts]
    except UnicodeEncodeError:
        raise EmbeddingRejected("a text is not valid Unicode (it holds a lone surrogate)") from None


def _pieces(text: str, window: int) -> list[str]:
    """The pieces of a text, none of them of more than `window` bytes, and so of tokens, whatever the tokenizer."""
    starts = [index for index, character in enumerate(text) for _ in character.encode()]
    return [text[piece] for piece in slices(text, starts, lambda part: len(part.encode()), window=window)]


_backoff = wait_random_exponential(multiplier=0.25, max=2.0)


def _pause(state: RetryCallState) -> float:
    """Seconds before the next attempt: as long as the provider asked for, else jittered and growing."""
    asked = _retry_after(state.outcome.exception() if state.outcome else None)
    return _backoff(state) if asked is None else asked


def _may_pass_within(seconds: float, error: BaseException) -> bool:
    """Whether a quick retry may help: not where the provider asks for a longer pause."""
    if isinstance(error, APIStatusError):
        passes = error.status_code in _MAY_PASS or error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
        return passes and (_retry_after(error) or 0.0) <= seconds
    return isinstance(error, APIConnectionError)


def _retry_after(error: BaseException | None) -> float | None:
    """Seconds that a Retry-After header asks for (RFC 9110: a number or a date), None where there is none."""
    value = error.response.headers.get("retry-after") if isinstance(error, APIStatusError) else None
    if value is None:
        return None
    with suppress(ValueError):
        seconds = float(value)
        return max(0.0, seconds) if math.isfinite(seconds) else None
    with suppress(ValueError):
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    return None


def _decode(content: bytes, count: int, dimensions: int) -> NDArray[np.float32]:
    """The answer's vectors in the order of the input, each of length 1.

    Raises EmbeddingUnavailable where the answer shows a wrong endpoint or setting, EmbeddingRejected where it fails
    for this input.
    """
    try:
        data = json.loads(content)["data"]
        entries = {int(entry["index"]): _vector(entry["embedding"]) for entry in data}
    except (KeyError, TypeError, ValueError):
        raise EmbeddingUnavailable("the embedding provider's answer is not a list of embeddings") from None
    if entries.keys() != set(range(count)) or len(data) != count:
        raise EmbeddingRejected(f"the embedding provider sent {len(data)} vectors for {count} texts")
    ordered = [entries[index] for index in range(count)]
    for vector in ordered:
        if vector.shape != (dimensions,):
            raise EmbeddingUnavailable(
                f"the embedding provider sends {vector.size} dimensions, MEMORI_EMBEDDING_DIMENSIONS is {dimensions}"
            )
    vectors = np.stack(ordered)
    norms = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    if not (np.isfinite(norms) & (norms > 0)).all():
        raise EmbeddingRejected("the embedding provider sent a vector that is zero or not finite")
    unit: NDArray[np.float32] = (vectors / norms).astype(np.float32)
    return unit


def _vector(embedding: str | Sequence[float]) -> NDArray[np.float32]:
    if isinstance(embedding, str):
        return np.frombuffer(base64.b64decode(embedding, validate=True), "<f4")
    return np.asarray(embedding, np.float32)

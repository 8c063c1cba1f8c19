"""What the models behind a provider's API share: a client built off the event loop, a few quick retries within one
deadline, and errors that name the setting to correct but never the key.
"""

import asyncio
import logging
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from pydantic import SecretStr
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    stop_before_delay,
    wait_exponential_jitter,
)

from sql_generator.generation.model import Draft, GenerationContext, ModelUnavailable
from sql_generator.generation.prompt import Prompt, prompt

logger = logging.getLogger(__name__)

RETRIES = 2
MAX_BACKOFF = 8.0
CONNECT_TIMEOUT = 5.0
MAX_DETAIL_CHARS = 200

_RETRYABLE = frozenset({408, 409, 425, 429})
_KEY_REFUSED = frozenset({401, 403})
_REQUESTS_FAULT = frozenset({400, 413, 422})


class CallFailed(Exception):  # noqa: N818 - reads as what it says
    """A call that brought no answer: the HTTP status and headers, or neither when there was no response."""

    def __init__(self, detail: str, *, status: int | None = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status
        self.headers = headers or {}


class Closable(Protocol):
    async def close(self) -> None: ...


ClientT = TypeVar("ClientT", bound=Closable)


class Options:
    """Request parameters that not every model accepts, each with what to send in its place once it was refused.

    What a model refuses is learned from its first refusal and kept, so that it costs one call in the life of a process.
    """

    def __init__(self, preferred: Mapping[str, Any], instead: Mapping[str, Mapping[str, Any]]) -> None:
        self._current = dict(preferred)
        self._instead = dict(instead)

    def current(self) -> dict[str, Any]:
        return dict(self._current)

    def adapt(self, sent: Mapping[str, Any], complaint: str) -> bool:
        """Whether to call again with other parameters than were `sent`, because `complaint` names one of them."""
        refused = next((name for name in self._instead if re.search(rf"\b{name}\b", complaint)), None)
        if refused is not None:
            self._current.pop(refused, None)
            self._current |= self._instead.pop(refused)
        return self._current != sent


class ProviderModel(ABC, Generic[ClientT]):
    """A `SqlModel` behind a provider's SDK.

    A draft takes at most `timeout` seconds, retries included, and one call at most half of that. Calls that time out,
    break off or meet an overloaded server are repeated at most twice, after a jittered exponential back-off from
    `backoff` seconds, or after what Retry-After says as long as enough of the time is left.
    """

    key_setting: ClassVar[str]

    def __init__(
        self,
        *,
        name: str,
        api_key: SecretStr,
        options: Options,
        timeout: float,
        backoff: float,
        schema_token_budget: int,
    ) -> None:
        _check_key(api_key, self.key_setting)
        self.name = name
        self._api_key = api_key
        self._options = options
        self._timeout = timeout
        self._backoff = backoff
        self._schema_token_budget = schema_token_budget
        self._client: ClientT | None = None
        self._building = asyncio.Lock()

    @abstractmethod
    def _build_client(self) -> ClientT:
        """The SDK's client, without retries of its own; called on a thread, because importing the SDK takes long."""

    @abstractmethod
    async def _send(self, client: ClientT, asked: Prompt, options: Mapping[str, Any]) -> bytes:
        """The body of the provider's successful response; raises `CallFailed` otherwise."""

    @abstractmethod
    def _read(self, body: bytes, asked: Prompt) -> Draft:
        """The draft in a response; raises `ModelAnswerInvalid`."""

    async def warm(self) -> None:
        """Import the SDK and build its client, so that the first draft does not wait for it."""
        await self._connected()

    async def draft(self, context: GenerationContext) -> Draft:
        """A draft for the question; see `SqlModel.draft`."""
        # A schema of a thousand tables takes hundreds of milliseconds to write down.
        asked = await asyncio.to_thread(prompt, context, schema_token_budget=self._schema_token_budget)
        return self._read(await self._body(asked), asked)

    async def close(self) -> None:
        """Release the connections; a later draft opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    @property
    def _call_timeout(self) -> float:
        return self._timeout / 2

    async def _connected(self) -> ClientT:
        async with self._building:
            if self._client is None:
                self._client = await asyncio.to_thread(self._build_client)
            return self._client

    async def _body(self, asked: Prompt) -> bytes:
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(_Transient),
            wait=self._wait,
            stop=stop_after_attempt(1 + RETRIES) | stop_before_delay(self._timeout * 3 / 4),
            before_sleep=self._log_retry,
            reraise=True,
        )
        try:
            async with asyncio.timeout(self._timeout):
                return await retrying(self._attempt, await self._connected(), asked)
        except TimeoutError:
            raise ModelUnavailable(f"{self.name}: no answer within {self._timeout:g} s") from None

    async def _attempt(self, client: ClientT, asked: Prompt) -> bytes:
        while True:
            options = self._options.current()
            try:
                return await self._send(client, asked, options)
            except CallFailed as failure:
                if failure.status == 400 and self._options.adapt(options, failure.detail):
                    continue
                # Without the cause: its message repeats what the server said, which may repeat the key.
                raise self._unavailable(failure) from None

    def _unavailable(self, failure: CallFailed) -> ModelUnavailable:
        status = failure.status
        if status in _KEY_REFUSED:
            return ModelUnavailable(f"{self.name}: the key in {self.key_setting} was refused (status {status})")
        detail = " ".join(failure.detail.split())
        if key := self._api_key.get_secret_value():
            detail = detail.replace(key, "[key]")
        said = f"{self.name}: {detail[:MAX_DETAIL_CHARS]}" + (f" (status {status})" if status else "")
        if status is None or status in _RETRYABLE or status >= 500:
            return _Transient(said, retry_after(failure.headers))
        return ModelUnavailable(said, is_outage=status not in _REQUESTS_FAULT)

    def _wait(self, state: RetryCallState) -> float:
        backoff = wait_exponential_jitter(multiplier=self._backoff, max=MAX_BACKOFF, jitter=self._backoff)(state)
        error = state.outcome.exception() if state.outcome else None
        asked_for = error.retry_after if isinstance(error, ModelUnavailable) else None
        return max(backoff, asked_for or 0.0)

    def _log_retry(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        logger.warning("%s; trying again in %.1f s", error, state.upcoming_sleep)


class _Transient(ModelUnavailable):
    """Worth another try."""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that a Retry-After header (RFC 9110, section 10.2.3) asks to wait, as a number or as a date."""
    value = headers.get("retry-after", "")
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def _check_key(api_key: SecretStr, setting: str) -> None:
    # What an HTTP header cannot hold would fail later, in an error that spells the key out.
    key = api_key.get_secret_value()
    if not key:
        raise ValueError(f"{setting} is not set")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ValueError(f"{setting} holds characters that a key cannot have")

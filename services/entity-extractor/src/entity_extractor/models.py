"""The models that may read turns: one structured call each, under a time limit. None is repeated here: an event that
failed comes again later.
"""

import json
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import JsonValue, SecretStr

from contracts.methods import ProblemError
from contracts.problems import problem
from entity_extractor.model_answer import INSTRUCTIONS, TOOL_DESCRIPTION, TOOL_NAME, parameters
from messaging import RetryLater

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from openai import AsyncOpenAI

_MAX_TOKENS = 4_096
_CREDENTIALS = frozenset({401, 403})
_BUSY = frozenset({408, 409, 425, 429})
_CREDENTIALS_DELAY = 300.0


class Model(Protocol):
    """Answers a question with the arguments of the tool."""

    async def ask(self, question: str) -> JsonValue:
        """The arguments as they were sent, to be checked by whoever asked.

        Raises:
            RetryLater: the provider is away, busy or slow, or refuses the key.
            ProblemError: it answered nothing that could be used (`failed`).
        """


class AnthropicModel:
    """Claude, through the Messages API; `timeout` in seconds."""

    def __init__(self, api_key: SecretStr, model: str, *, base_url: str | None, timeout: float) -> None:
        self._api_key = api_key
        self._model = model
        self._base_url = base_url
        self._timeout = timeout
        self._client: AsyncAnthropic | None = None

    async def ask(self, question: str) -> JsonValue:
        """See `Model.ask`."""
        # Costs a second, paid only where it is used.
        from anthropic import APIConnectionError, APIStatusError, AsyncAnthropic  # noqa: PLC0415

        self._client = self._client or AsyncAnthropic(
            api_key=self._api_key.get_secret_value(), base_url=self._base_url, max_retries=0, timeout=self._timeout
        )
        tool: Any = {"name": TOOL_NAME, "description": TOOL_DESCRIPTION, "input_schema": parameters()}
        try:
            # The raw response: the SDK does not check what it parses, and fails on what is not JSON.
            response = await self._client.messages.with_raw_response.create(
                model=self._model,
                max_tokens=_MAX_TOKENS,
                system=[{"type": "text", "text": INSTRUCTIONS, "cache_control": {"type": "ephemeral"}}],
                messages=[{"role": "user", "content": question}],
                tools=[tool],
                tool_choice={"type": "tool", "name": TOOL_NAME},
            )
        except APIStatusError as error:
            raise _refusal(error.status_code) from None
        except APIConnectionError as error:
            raise RetryLater(f"the model did not answer ({type(error).__name__})") from None
        body = _parsed(response.http_response.content)
        calls = [block for block in _list(body.get("content")) if isinstance(block, dict) and block.get("name")]
        if body.get("stop_reason") == "max_tokens" or len(calls) != 1 or calls[0]["name"] != TOOL_NAME:
            raise unusable(f"it did not call {TOOL_NAME} once")
        arguments: JsonValue = calls[0].get("input")
        return arguments


class OpenAIModel:
    """A model behind OpenAI's chat completions, or a compatible server at `base_url`; `timeout` in seconds."""

    def __init__(self, api_key: SecretStr, model: str, *, base_url: str | None, timeout: float) -> None:
        self._api_key = api_key
        self._model = model
        self._base_url = base_url
        self._timeout = timeout
        self._client: AsyncOpenAI | None = None

    async def ask(self, question: str) -> JsonValue:
        """See `Model.ask`."""
        # Costs half a second, paid only where it is used.
        from openai import APIConnectionError, APIStatusError, AsyncOpenAI  # noqa: PLC0415

        self._client = self._client or AsyncOpenAI(
            api_key=self._api_key.get_secret_value(), base_url=self._base_url, max_retries=0, timeout=self._timeout
        )
        tool: Any = {"name": TOOL_NAME, "description": TOOL_DESCRIPTION, "parameters": parameters()}
        try:
            response = await self._client.chat.completions.with_raw_response.create(
                model=self._model,
                messages=[{"role": "system", "content": INSTRUCTIONS}, {"role": "user", "content": question}],
                tools=[{"type": "function", "function": tool}],
                tool_choice={"type": "function", "function": {"name": TOOL_NAME}},
            )
        except APIStatusError as error:
            raise _refusal(error.status_code) from None
        except APIConnectionError as error:
            raise RetryLater(f"the model did not answer ({type(error).__name__})") from None
        body = _parsed(response.http_response.content)
        try:
            choices: Any = body["choices"]
            (call,) = choices[0]["message"]["tool_calls"]
            name, arguments = call["function"]["name"], call["function"]["arguments"]
        except (KeyError, IndexError, TypeError, ValueError):
            raise unusable(f"it did not call {TOOL_NAME} once") from None
        if name != TOOL_NAME:
            raise unusable(f"it did not call {TOOL_NAME}")
        # A JSON text; some compatible servers send the object itself.
        return _parsed(arguments) if isinstance(arguments, str) else arguments


def unusable(why: str) -> ProblemError:
    """The problem of an answer that cannot be used: tried again a few times, then kept as a dead letter."""
    return ProblemError(problem("failed", f"the model's answer cannot be used: {why}"))


def _refusal(status: int) -> Exception:
    if status in _CREDENTIALS:
        return RetryLater(f"the provider refuses the key (status {status})", delay=_CREDENTIALS_DELAY)
    if status in _BUSY or status >= 500:  # the server's fault
        return RetryLater(f"the provider is busy or away (status {status})")
    return ProblemError(problem("failed", f"the provider refused the request (status {status})"))


def _parsed(body: bytes | str) -> dict[str, JsonValue]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise unusable("it is not JSON") from None
    if not isinstance(found, dict):
        raise unusable("it is not an object")
    return found


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []

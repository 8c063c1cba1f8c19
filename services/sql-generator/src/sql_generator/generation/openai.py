"""OpenAI's models and every server that speaks its chat completions: Ollama, vLLM, gateways."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import BaseModel, Field, JsonValue, SecretStr

from sql_generator.generation.answer import (
    TOOL_DESCRIPTION,
    TOOL_NAME,
    SqlAnswer,
    paid,
    parse_arguments,
    parse_reply,
    to_draft,
    tool_parameters,
)
from sql_generator.generation.model import Draft, ModelAnswerInvalid, Tokens
from sql_generator.generation.prompt import Prompt
from sql_generator.generation.provider import CONNECT_TIMEOUT, CallFailed, Options, ProviderModel

if TYPE_CHECKING:
    from openai import AsyncOpenAI


class OpenAIModel(ProviderModel["AsyncOpenAI"]):
    """A model behind chat completions, made to answer by a function call; `base_url` ends in `/v1`.

    A server that cannot force a call may answer with the same JSON object as its whole text. `timeout` is in seconds
    and bounds a draft with its retries.

    Raises:
        ValueError: the key is empty or cannot be a key.
    """

    key_setting: ClassVar[str] = "OPENAI_API_KEY"

    def __init__(
        self,
        api_key: SecretStr,
        model: str,
        *,
        max_tokens: int = 2_048,
        base_url: str | None = None,
        timeout: float = 60.0,
        backoff: float = 0.5,
        schema_token_budget: int = 12_000,
    ) -> None:
        super().__init__(
            name=f"openai/{model}",
            api_key=api_key,
            # The preferred ones are what most servers know; OpenAI's reasoning models refuse the first two.
            options=Options(
                {
                    "max_tokens": max_tokens,
                    "temperature": 0,
                    "tool_choice": {"type": "function", "function": {"name": TOOL_NAME}},
                },
                instead={
                    "max_tokens": {"max_completion_tokens": max_tokens},
                    "temperature": {},
                    "tool_choice": {"tool_choice": "auto"},
                },
            ),
            timeout=timeout,
            backoff=backoff,
            schema_token_budget=schema_token_budget,
        )
        self._model = model
        self._base_url = base_url

    def _build_client(self) -> "AsyncOpenAI":
        from openai import AsyncOpenAI, Timeout  # noqa: PLC0415 - costs half a second, paid only where it is used

        return AsyncOpenAI(
            api_key=self._api_key.get_secret_value(),
            base_url=self._base_url,
            max_retries=0,
            timeout=Timeout(self._call_timeout, connect=min(CONNECT_TIMEOUT, self._call_timeout)),
        )

    async def _send(self, client: "AsyncOpenAI", asked: Prompt, options: Mapping[str, Any]) -> bytes:
        from openai import APIConnectionError, APIStatusError  # noqa: PLC0415 - loaded with the client

        try:
            # The raw response: the SDK does not validate what it parses, and fails on what is not JSON.
            response = await client.chat.completions.with_raw_response.create(
                model=self._model,
                messages=[
                    {"role": "system", "content": "\n\n".join(asked.stable)},
                    {"role": "user", "content": asked.volatile},
                ],
                tools=[
                    {
                        "type": "function",
                        "function": {
                            "name": TOOL_NAME,
                            "description": TOOL_DESCRIPTION,
                            "parameters": tool_parameters(),
                        },
                    }
                ],
                **options,
            )
        except APIStatusError as error:
            raise CallFailed(error.message, status=error.status_code, headers=error.response.headers) from None
        except APIConnectionError as error:
            raise CallFailed(f"no response ({type(error).__name__})") from None
        body: bytes = response.http_response.content
        return body

    def _read(self, body: bytes, asked: Prompt) -> Draft:
        reply = parse_reply(_Completion, body)
        usage = reply.usage or _Usage()
        # Its cache fills by itself, at no price; what was read from it is part of the prompt's tokens.
        cached = min((usage.prompt_tokens_details or _PromptDetails()).cached_tokens or 0, usage.prompt_tokens)
        tokens = Tokens(input=usage.prompt_tokens - cached, output=usage.completion_tokens, cache_read=cached)
        with paid(tokens):
            return to_draft(_answer(reply.choices[0]), asked.references, tokens)


class _Function(BaseModel):
    name: str
    arguments: str | dict[str, JsonValue]  # a JSON text; some compatible servers send the object itself


class _ToolCall(BaseModel):
    function: _Function


class _ChatMessage(BaseModel):
    content: str | None = None
    refusal: str | None = None
    tool_calls: tuple[_ToolCall, ...] | None = None


class _Choice(BaseModel):
    message: _ChatMessage
    finish_reason: str | None = None


class _PromptDetails(BaseModel):
    cached_tokens: int | None = Field(default=None, ge=0)


class _Usage(BaseModel):
    prompt_tokens: int = Field(default=0, ge=0)
    completion_tokens: int = Field(default=0, ge=0)
    prompt_tokens_details: _PromptDetails | None = None


class _Completion(BaseModel):
    """What is read of https://platform.openai.com/docs/api-reference/chat/object."""

    choices: Annotated[tuple[_Choice, ...], Field(min_length=1)]
    usage: _Usage | None = None


def _answer(choice: _Choice) -> SqlAnswer:
    if choice.finish_reason == "length":
        raise ModelAnswerInvalid("the answer was cut off at the limit of output tokens")
    if choice.finish_reason == "content_filter" or choice.message.refusal:
        raise ModelAnswerInvalid("the model declined to answer")
    calls = choice.message.tool_calls
    if calls:
        if len(calls) > 1 or calls[0].function.name != TOOL_NAME:
            raise ModelAnswerInvalid(f"the model did not call {TOOL_NAME} once and nothing else")
        return parse_arguments(calls[0].function.arguments)
    content = (choice.message.content or "").strip()
    if not content.startswith("{"):
        raise ModelAnswerInvalid(f"the model answered in prose instead of calling {TOOL_NAME}")
    return parse_arguments(content)

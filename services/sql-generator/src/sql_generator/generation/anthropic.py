"""Anthropic's models, through the Messages API."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pydantic import BaseModel, Field, JsonValue, SecretStr

from sql_generator.generation.answer import (
    TOOL_DESCRIPTION,
    TOOL_NAME,
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
    from anthropic import AsyncAnthropic
    from anthropic.types import TextBlockParam

DEFAULT_MODEL: Final = "claude-sonnet-4-5-20250929"


class AnthropicModel(ProviderModel["AsyncAnthropic"]):
    """Claude, made to answer by a tool call. `timeout` is in seconds and bounds a draft with its retries.

    No temperature is sent: the API version of this SDK (2026-10-21) refuses sampling parameters for every model.

    Raises:
        ValueError: the key is empty or cannot be a key.
    """

    key_setting: ClassVar[str] = "ANTHROPIC_API_KEY"

    def __init__(
        self,
        api_key: SecretStr,
        model: str = DEFAULT_MODEL,
        *,
        max_tokens: int = 2_048,
        base_url: str | None = None,
        timeout: float = 60.0,
        backoff: float = 0.5,
        schema_token_budget: int = 12_000,
    ) -> None:
        super().__init__(
            name=f"anthropic/{model}",
            api_key=api_key,
            # Models that always think refuse to be forced; they are left to follow the instructions.
            options=Options(
                {"tool_choice": {"type": "tool", "name": TOOL_NAME, "disable_parallel_tool_use": True}},
                instead={"tool_choice": {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}},
            ),
            timeout=timeout,
            backoff=backoff,
            schema_token_budget=schema_token_budget,
        )
        self._model = model
        self._max_tokens = max_tokens
        self._base_url = base_url

    def _build_client(self) -> "AsyncAnthropic":
        from anthropic import AsyncAnthropic, Timeout  # noqa: PLC0415 - costs a second, paid only where it is used

        return AsyncAnthropic(
            api_key=self._api_key.get_secret_value(),
            base_url=self._base_url,
            max_retries=0,
            timeout=Timeout(self._call_timeout, connect=min(CONNECT_TIMEOUT, self._call_timeout)),
        )

    async def _send(self, client: "AsyncAnthropic", asked: Prompt, options: Mapping[str, Any]) -> bytes:
        from anthropic import APIConnectionError, APIStatusError  # noqa: PLC0415 - loaded with the client

        system: list[TextBlockParam] = [
            {"type": "text", "text": block, "cache_control": {"type": "ephemeral"}} for block in asked.stable
        ]
        try:
            # The raw response: the SDK does not validate what it parses, and fails on what is not JSON.
            response = await client.messages.with_raw_response.create(
                model=self._model,
                max_tokens=self._max_tokens,
                system=system,
                messages=[{"role": "user", "content": asked.volatile}],
                tools=[{"name": TOOL_NAME, "description": TOOL_DESCRIPTION, "input_schema": tool_parameters()}],
                **options,
            )
        except APIStatusError as error:
            said = error.api_message or error.message
            raise CallFailed(said, status=error.status_code, headers=error.response.headers) from None
        except APIConnectionError as error:
            raise CallFailed(f"no response ({type(error).__name__})") from None
        body: bytes = response.http_response.content
        return body

    def _read(self, body: bytes, asked: Prompt) -> Draft:
        reply = parse_reply(_Message, body)
        usage = reply.usage
        tokens = Tokens(
            input=usage.input_tokens,
            output=usage.output_tokens,
            cache_read=usage.cache_read_input_tokens or 0,
            cache_write=usage.cache_creation_input_tokens or 0,
        )
        with paid(tokens):
            return to_draft(parse_arguments(_arguments(reply)), asked.references, tokens)


_UNFINISHED: Final = {
    "max_tokens": "the answer was cut off at the limit of output tokens",
    "model_context_window_exceeded": "the answer was cut off at the end of the model's context window",
    "refusal": "the model declined to answer",
}


class _Block(BaseModel):
    type: str
    name: str | None = None
    input: dict[str, JsonValue] = {}


class _Usage(BaseModel):
    input_tokens: int = Field(default=0, ge=0)
    cache_creation_input_tokens: int | None = Field(default=None, ge=0)
    cache_read_input_tokens: int | None = Field(default=None, ge=0)
    output_tokens: int = Field(default=0, ge=0)


class _Message(BaseModel):
    """What is read of https://platform.claude.com/docs/en/api/messages."""

    content: tuple[_Block, ...]
    stop_reason: str | None = None
    usage: _Usage = _Usage()


def _arguments(reply: _Message) -> dict[str, JsonValue]:
    if reply.stop_reason in _UNFINISHED:
        raise ModelAnswerInvalid(_UNFINISHED[reply.stop_reason])
    calls = [block for block in reply.content if block.type == "tool_use"]
    if not calls:
        raise ModelAnswerInvalid(f"the model answered in prose instead of calling {TOOL_NAME}")
    if len(calls) > 1 or calls[0].name != TOOL_NAME:
        raise ModelAnswerInvalid(f"the model did not call {TOOL_NAME} once and nothing else")
    return calls[0].input

"""The model that the settings ask for."""

from typing import Literal, TypeAlias

from pydantic import SecretStr

from sql_generator.generation.model import SqlModel

Provider: TypeAlias = Literal["anthropic", "openai", "offline"]

# Servers such as Ollama take any key, but the SDK insists on one.
_NO_KEY = SecretStr("none")


def create_model(
    provider: Provider,
    *,
    model: str | None = None,
    api_key: SecretStr | None = None,
    base_url: str | None = None,
    max_tokens: int = 2_048,
    timeout: float = 60.0,
    schema_token_budget: int = 12_000,
) -> SqlModel:
    """The model behind `provider`; nothing is imported or connected before its first use.

    `model` may be left out for Anthropic; the key for an OpenAI-compatible server of one's own (`base_url`) too.
    `timeout` bounds a draft, in seconds. The offline model needs nothing.

    Raises:
        ValueError: a setting that the provider needs is missing or malformed; the message names it.
    """
    if provider == "offline":
        from sql_generator.generation.offline import OfflineModel  # noqa: PLC0415 - only where it is asked for

        return OfflineModel()
    if provider == "anthropic":
        from sql_generator.generation.anthropic import DEFAULT_MODEL, AnthropicModel  # noqa: PLC0415 - as above

        return AnthropicModel(
            api_key or SecretStr(""),
            model or DEFAULT_MODEL,
            max_tokens=max_tokens,
            base_url=base_url,
            timeout=timeout,
            schema_token_budget=schema_token_budget,
        )
    from sql_generator.generation.openai import OpenAIModel  # noqa: PLC0415 - as above

    if not model:
        raise ValueError("MEMORI_LLM_MODEL is not set, and the provider openai has no default")
    return OpenAIModel(
        api_key or (_NO_KEY if base_url else SecretStr("")),
        model,
        max_tokens=max_tokens,
        base_url=base_url,
        timeout=timeout,
        schema_token_budget=schema_token_budget,
    )

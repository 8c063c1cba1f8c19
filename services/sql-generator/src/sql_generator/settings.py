"""The settings of sql-generator."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from runtime import DatabaseSettings
from sql_generator.domain.budgets import Limits
from sql_generator.domain.prices import KNOWN_PRICES, Price

Provider = Literal["anthropic", "openai", "offline"]


class SqlGeneratorSettings(DatabaseSettings):
    """Which model writes the SQL, which databases may be registered, and what one query may take."""

    memori_llm_provider: Provider | None = None
    memori_llm_model: str | None = None
    memori_llm_max_tokens: int = Field(default=2_048, ge=64, le=64_000)
    memori_llm_timeout_seconds: float = Field(default=40.0, gt=0, le=600)
    memori_llm_fallback_provider: Annotated[tuple[Provider, ...], NoDecode] = ()
    memori_llm_fallback_model: str | None = None
    memori_llm_breaker_failures: int = Field(default=3, ge=1, le=100)
    memori_llm_breaker_seconds: float = Field(default=30.0, gt=0, le=3_600)
    memori_llm_prices: dict[str, Price] = Field(
        default_factory=dict, description="US dollars for a million tokens, by the model's name as answers give it"
    )
    memori_llm_user_budget_usd: float | None = Field(default=None, gt=0, description="A calendar month (UTC)")
    memori_llm_tenant_budget_usd: float | None = Field(default=None, gt=0)
    anthropic_api_key: SecretStr | None = None
    anthropic_base_url: str | None = None
    openai_api_key: SecretStr | None = None
    openai_base_url: str | None = None

    data_source_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    data_source_unix_sockets: bool = False
    data_source_files_root: Path | None = None

    uploads_url: str = "file:///var/lib/memori/uploads"
    upload_max_bytes: int = Field(default=100 * 1024 * 1024, ge=1, le=10 * 1024**3)
    upload_max_files: int = Field(default=200, ge=1)
    upload_max_rows: int = Field(default=5_000_000, ge=1)
    upload_max_columns: int = Field(default=500, ge=1, le=2_000)
    upload_max_expanded_bytes: int = Field(default=1024**3, ge=1024**2)
    upload_conversion_seconds: float = Field(default=300.0, gt=0, le=3_600)
    upload_conversions: int = Field(default=2, ge=1, le=16, description="How many files are converted at once")

    # Off: what was learned from a conversation waits until the user confirms it.
    rules_activate_learned: bool = False

    query_timeout_seconds: float = Field(default=30.0, gt=0, le=300)
    query_max_rows: int = Field(default=1_000, ge=1, le=100_000)
    # Above this an answer with its context no longer fits one message.
    query_max_bytes: int = Field(default=256 * 1024, ge=1_024, le=384 * 1024)
    query_cache_seconds: float = Field(default=0.0, ge=0, le=3_600)
    memory_max_context_memories: int = Field(default=10, ge=1, le=10)

    @field_validator("data_source_hosts", "memori_llm_fallback_provider", mode="before")
    @classmethod
    def _separated(cls, value: object) -> object:
        """`*.example.com, 10.0.0.0/8` as in an environment variable."""
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_fallback_model(self) -> Self:
        if sum(provider != "offline" for provider in self.memori_llm_fallback_provider) > 1:
            raise ValueError("MEMORI_LLM_FALLBACK_PROVIDER may name one provider besides offline: it has one model")
        return self

    @property
    def llm_provider(self) -> Provider:
        """The provider that was set, else Anthropic where there is a key for it, else none at all."""
        return self.memori_llm_provider or ("anthropic" if _given(self.anthropic_api_key) else "offline")

    @property
    def llm_chain(self) -> tuple[tuple[Provider, str | None], ...]:
        """The providers to ask, each when those before it are away, with the models to ask them for."""
        fallbacks = ((provider, self.memori_llm_fallback_model) for provider in self.memori_llm_fallback_provider)
        return (self.llm_provider, self.memori_llm_model), *fallbacks

    @property
    def prices(self) -> dict[str, Price]:
        """The prices of models that are known or were set."""
        return {**KNOWN_PRICES, **self.memori_llm_prices}

    @property
    def budgets(self) -> Limits:
        """What users and tenants may spend a month."""
        return Limits(user_usd=self.memori_llm_user_budget_usd, tenant_usd=self.memori_llm_tenant_budget_usd)

    def api_key_of(self, provider: Provider) -> SecretStr | None:
        """The key of a provider."""
        keys = {"anthropic": self.anthropic_api_key, "openai": self.openai_api_key, "offline": None}
        key = keys[provider]
        return key if _given(key) else None

    def base_url_of(self, provider: Provider) -> str | None:
        """Where a provider is, when it is not where its SDK expects it."""
        urls = {"anthropic": self.anthropic_base_url, "openai": self.openai_base_url, "offline": None}
        return urls[provider] or None


def _given(secret: SecretStr | None) -> bool:
    return secret is not None and bool(secret.get_secret_value())

"""The settings of sql-generator."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from runtime import DatabaseSettings

Provider = Literal["anthropic", "openai", "offline"]


class SqlGeneratorSettings(DatabaseSettings):
    """Which model writes the SQL, which databases may be registered, and what one query may take."""

    memori_llm_provider: Provider | None = None
    memori_llm_model: str | None = None
    memori_llm_max_tokens: int = Field(default=2_048, ge=64, le=64_000)
    memori_llm_timeout_seconds: float = Field(default=40.0, gt=0, le=600)
    anthropic_api_key: SecretStr | None = None
    anthropic_base_url: str | None = None
    openai_api_key: SecretStr | None = None
    openai_base_url: str | None = None

    data_source_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    data_source_unix_sockets: bool = False
    sqlite_root: Path | None = None

    query_timeout_seconds: float = Field(default=30.0, gt=0, le=300)
    query_max_rows: int = Field(default=1_000, ge=1, le=100_000)
    # Above this an answer with its context no longer fits one message.
    query_max_bytes: int = Field(default=256 * 1024, ge=1_024, le=384 * 1024)
    memory_max_context_memories: int = Field(default=10, ge=1, le=10)

    @field_validator("data_source_hosts", mode="before")
    @classmethod
    def _separated(cls, value: object) -> object:
        """`*.example.com, 10.0.0.0/8` as in an environment variable."""
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @property
    def llm_provider(self) -> Provider:
        """The provider that was set, else Anthropic where there is a key for it, else none at all."""
        return self.memori_llm_provider or ("anthropic" if _given(self.anthropic_api_key) else "offline")

    @property
    def llm_api_key(self) -> SecretStr | None:
        """The key of that provider."""
        keys = {"anthropic": self.anthropic_api_key, "openai": self.openai_api_key, "offline": None}
        key = keys[self.llm_provider]
        return key if _given(key) else None

    @property
    def llm_base_url(self) -> str | None:
        """Where that provider is, when it is not where its SDK expects it."""
        urls = {"anthropic": self.anthropic_base_url, "openai": self.openai_base_url, "offline": None}
        return urls[self.llm_provider] or None


def _given(secret: SecretStr | None) -> bool:
    return secret is not None and bool(secret.get_secret_value())

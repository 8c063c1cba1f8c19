"""The settings of memory-store."""

from pydantic import Field, SecretStr

from runtime import DatabaseSettings


class MemoryStoreSettings(DatabaseSettings):
    """The key that content hashes are made with, and how long short-term memories last (days)."""

    secret_key: SecretStr = Field(min_length=32)
    memory_short_term_expiry_days: int = Field(default=7, ge=1, le=3_650)

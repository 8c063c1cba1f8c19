"""The settings of embedding-worker."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from runtime import DatabaseSettings


class EmbeddingWorkerSettings(DatabaseSettings):
    """Which model, where its key is, how much at once, how long vectors are cached, how often to look for memories
    without one (seconds).
    """

    memori_embedding_provider: Literal["local", "openai"] = "local"
    memori_embedding_model: str | None = None
    memori_embedding_dimensions: int | None = Field(default=None, ge=1, le=16_000)
    memori_embedding_max_tokens: int | None = Field(default=None, ge=16)
    memori_embedding_model_dir: Path | None = None
    memori_embedding_cache_dir: Path | None = None
    memory_min_similarity_threshold: float | None = Field(default=None, ge=-1, le=1)
    embedding_batch_size: int = Field(default=100, ge=1, le=1_000)
    embedding_cache_ttl: int = Field(default=3600, ge=0)
    embedding_reconcile_seconds: float = Field(default=30.0, gt=0)
    openai_api_key: SecretStr | None = None
    openai_base_url: str | None = None

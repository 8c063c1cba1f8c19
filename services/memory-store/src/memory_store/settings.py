"""The settings of memory-store."""

from typing import Literal

from pydantic import Field

from runtime import DatabaseSettings


class MemoryStoreSettings(DatabaseSettings):
    """How long memories last (days), how often their time is checked (seconds), and whether members may share them."""

    memory_short_term_expiry_days: int = Field(default=7, ge=1, le=3_650)
    memory_archive_threshold_days: int = Field(default=30, ge=1, le=365)
    memory_sweep_seconds: float = Field(default=60.0, gt=0)
    tenant_isolation_level: Literal["strict", "relaxed"] = "strict"

"""Settings from the environment; every secret also from a file named by `<NAME>_FILE`."""

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

Environment = Literal["development", "staging", "production"]


class _SecretFiles(PydanticBaseSettingsSource):
    """Reads `SECRET_KEY` from the file that `SECRET_KEY_FILE` names, without the line end an editor leaves."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        names = [str(field.validation_alias)] if isinstance(field.validation_alias, str) else [field_name]
        for name in names:
            path = os.environ.get(f"{name.upper()}_FILE")
            if path:
                return Path(path).read_text(encoding="utf-8").rstrip("\r\n"), field_name, False
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


class Settings(BaseSettings):
    """What every process needs. A service adds its own in its `settings.py`."""

    model_config = SettingsConfigDict(extra="ignore", hide_input_in_errors=True)

    environment: Environment = "production"
    debug: bool = False
    nats_url: str = "nats://127.0.0.1:4222"
    nats_password: SecretStr | None = None
    http_host: str = "127.0.0.1"
    http_port: int = Field(default=8000, ge=0, le=65_535)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    otel_exporter_otlp_endpoint: str | None = None
    memori_enabled: bool = True

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # the names are pydantic-settings'
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then files named by `…_FILE`, then the environment."""
        return init_settings, _SecretFiles(settings_cls), env_settings


class DatabaseSettings(Settings):
    """What a service that owns tables needs: one connection under row-level security, one for work across users, and
    the key that hashes and seals of what it keeps are made with.
    """

    database_url: SecretStr
    database_worker_url: SecretStr
    database_pool_size: int = Field(default=20, ge=1, le=200)
    database_max_overflow: int = Field(default=10, ge=0, le=200)
    database_worker_pool_size: int = Field(default=3, ge=2, le=50)
    secret_key: SecretStr = Field(min_length=32)
    secret_key_previous: SecretStr | None = None

    @property
    def secrets(self) -> tuple[str, ...]:
        """The keys that secrets at rest may be sealed with, the current one first."""
        keys = (self.secret_key, self.secret_key_previous)
        return tuple(key.get_secret_value() for key in keys if key is not None and key.get_secret_value())

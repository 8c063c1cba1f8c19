"""The gateway's settings."""

from typing import Annotated, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from runtime import Settings

MIN_SECRET_KEY_BYTES = 32
_MIB = 1024 * 1024


class GatewaySettings(Settings):
    """Beyond what every process needs: who may come in, how much they may send, how long they may wait."""

    secret_key: SecretStr | None = Field(default=None, description="Signs and verifies tokens (HS256)")
    jwt_issuer: str | None = None
    jwt_audience: str | None = None
    enable_multi_tenant: bool = Field(
        default=True, description="False: every caller is in the default tenant, whatever a token or header says"
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(default=(), description="Separated by commas")
    max_body_bytes: int = Field(default=_MIB, ge=1)
    max_batch_bytes: int = Field(default=16 * _MIB, ge=1)
    max_file_bytes: int = Field(default=100 * _MIB, ge=1)
    rpc_timeout_seconds: float = Field(default=5.0, gt=0)
    sync_timeout_seconds: float = Field(default=60.0, gt=0)
    generate_timeout_seconds: float = Field(default=90.0, gt=0)
    event_heartbeat_seconds: float = Field(
        default=15.0, gt=0, description="How long a stream of events may be silent before it says that it is alive"
    )
    personal_data_timeout_seconds: float = Field(
        default=60.0, gt=0, description="For each service that erases, and for each page of an export"
    )

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _separated_by_commas(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(origin for part in value.split(",") if (origin := part.strip()))
        return value

    @model_validator(mode="after")
    def _a_strong_key_outside_development(self) -> Self:
        key = self.secret_key.get_secret_value() if self.secret_key else ""
        if self.environment != "development" and len(key.encode()) < MIN_SECRET_KEY_BYTES:
            raise ValueError(
                f"SECRET_KEY must be at least {MIN_SECRET_KEY_BYTES} bytes when ENVIRONMENT is {self.environment}"
            )
        return self

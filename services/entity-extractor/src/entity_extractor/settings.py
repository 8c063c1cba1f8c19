"""The settings of entity-extractor."""

from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from entity_extractor.models import AnthropicModel, OpenAIModel
from entity_extractor.readers import FactReader, ModelReader, RuleReader
from runtime import DatabaseSettings

# Servers such as Ollama take any key, but the SDK insists on one.
_NO_KEY = SecretStr("none")


class EntityExtractorSettings(DatabaseSettings):
    """What every service with tables needs, who reads what users say, and how fast relations fade that nobody uses."""

    memori_fact_reader: Literal["rules", "anthropic", "openai"] = "rules"
    memori_fact_model: str | None = None
    memori_fact_timeout_seconds: float = Field(default=30.0, gt=0, le=300)
    memori_relation_half_life_days: float = Field(default=90.0, gt=0, le=36_500)
    anthropic_api_key: SecretStr | None = None
    anthropic_base_url: str | None = None
    openai_api_key: SecretStr | None = None
    openai_base_url: str | None = None

    @model_validator(mode="after")
    def _reader_has_what_it_needs(self) -> Self:
        reader = self.memori_fact_reader
        if reader != "rules" and not self.memori_fact_model:
            raise ValueError(f"MEMORI_FACT_READER is {reader}, and MEMORI_FACT_MODEL is not set")
        if reader == "anthropic" and not self.anthropic_api_key:
            raise ValueError("MEMORI_FACT_READER is anthropic, and ANTHROPIC_API_KEY is not set")
        if reader == "openai" and not (self.openai_api_key or self.openai_base_url):
            raise ValueError("MEMORI_FACT_READER is openai, and neither OPENAI_API_KEY nor OPENAI_BASE_URL is set")
        return self

    def fact_reader(self) -> FactReader:
        """The reader that is set; nothing is imported or connected before its first use."""
        if self.memori_fact_reader == "rules":
            return RuleReader()
        of_anthropic = self.memori_fact_reader == "anthropic"
        key = (self.anthropic_api_key if of_anthropic else self.openai_api_key) or _NO_KEY
        url = (self.anthropic_base_url if of_anthropic else self.openai_base_url) or None
        model = (AnthropicModel if of_anthropic else OpenAIModel)(
            key, self.memori_fact_model or "", base_url=url, timeout=self.memori_fact_timeout_seconds
        )
        return ModelReader(model)

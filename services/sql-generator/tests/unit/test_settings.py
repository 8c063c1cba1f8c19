import pytest
from pydantic import ValidationError

from sql_generator.generation.model import Tokens
from sql_generator.settings import SqlGeneratorSettings

REQUIRED = {"database_url": "postgresql://a", "database_worker_url": "postgresql://b", "secret_key": "s" * 32}
MODEL_SETTINGS = (
    "MEMORI_LLM_PROVIDER",
    "MEMORI_LLM_MODEL",
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_BASE_URL",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
)


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    for name in MODEL_SETTINGS:
        monkeypatch.delenv(name, raising=False)


def settings(**given):
    return SqlGeneratorSettings(**REQUIRED, **given)


def test_without_a_key_the_model_is_offline():
    assert settings().llm_provider == "offline"
    assert settings(anthropic_api_key="").llm_provider == "offline"
    assert settings().api_key_of("anthropic") is None


def test_with_a_key_the_model_is_anthropics_unless_another_is_named():
    keyed = settings(anthropic_api_key="a", anthropic_base_url="http://here", openai_api_key="o")
    assert (keyed.llm_provider, keyed.base_url_of("anthropic")) == ("anthropic", "http://here")
    assert keyed.api_key_of("anthropic").get_secret_value() == "a"
    assert keyed.api_key_of("openai").get_secret_value() == "o"
    named = settings(anthropic_api_key="a", openai_api_key="o", memori_llm_provider="openai")
    assert named.llm_chain == (("openai", None),)
    assert settings(anthropic_api_key="a", memori_llm_provider="offline").api_key_of("offline") is None


def test_fallbacks_are_separated_by_commas_and_have_one_model_between_them(monkeypatch):
    monkeypatch.setenv("MEMORI_LLM_FALLBACK_PROVIDER", "openai, offline")
    monkeypatch.setenv("MEMORI_LLM_FALLBACK_MODEL", "gpt")
    chain = settings(anthropic_api_key="a").llm_chain
    assert chain == (("anthropic", None), ("openai", "gpt"), ("offline", "gpt"))
    monkeypatch.setenv("MEMORI_LLM_FALLBACK_PROVIDER", "openai,anthropic")
    with pytest.raises(ValidationError, match="one provider besides offline"):
        settings()


def test_prices_add_to_those_that_are_known(monkeypatch):
    monkeypatch.setenv(
        "MEMORI_LLM_PRICES", '{"openai/gpt": {"input": 2, "output": 8}, "offline": {"input": 1, "output": 1}}'
    )
    prices = settings().prices
    assert prices["openai/gpt"].of(Tokens(input=1_000_000, output=500_000, cache_read=500_000)) == 7.0
    assert (
        prices["anthropic/claude-sonnet-4-5-20250929"].of(Tokens(1_000_000, 1_000_000, 1_000_000, 1_000_000)) == 22.05
    )
    assert not prices["offline"].is_free
    monkeypatch.setenv("MEMORI_LLM_PRICES", '{"openai/gpt": {"input": -2, "output": 8}}')
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        settings()


def test_hosts_are_separated_by_commas_in_the_environment(monkeypatch):
    monkeypatch.setenv("DATA_SOURCE_HOSTS", "*.example.com, 10.0.0.0/8,")
    assert settings().data_source_hosts == ("*.example.com", "10.0.0.0/8")
    monkeypatch.setenv("DATA_SOURCE_HOSTS", "")
    assert settings().data_source_hosts == ()


def test_the_current_key_comes_before_the_previous_one():
    assert settings(secret_key_previous="p").secrets == ("s" * 32, "p")
    assert settings(secret_key_previous="").secrets == ("s" * 32,)


def test_a_short_secret_key_is_refused_without_being_shown():
    with pytest.raises(ValidationError) as caught:
        SqlGeneratorSettings(**{**REQUIRED, "secret_key": "short-secret"})
    assert "secret_key" in str(caught.value)
    assert "short-secret" not in str(caught.value)

"""A gateway that could be broken into does not start."""

import pytest
from pydantic import ValidationError

from gateway.main import main
from gateway.settings import GatewaySettings


@pytest.mark.parametrize("environment", ["staging", "production"])
@pytest.mark.parametrize("key", [None, "", "x" * 31])
def test_a_weak_key_is_refused_outside_development(environment, key):
    with pytest.raises(ValidationError, match="SECRET_KEY must be at least 32 bytes"):
        GatewaySettings(environment=environment, secret_key=key)


def test_a_weak_key_is_never_shown():
    with pytest.raises(ValidationError) as caught:
        GatewaySettings(environment="production", secret_key="hunter2")
    assert "hunter2" not in str(caught.value)


def test_development_needs_no_key():
    assert GatewaySettings(environment="development").secret_key is None


def test_the_process_says_what_is_missing_and_exits(monkeypatch):
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.delenv("SECRET_KEY", raising=False)
    with pytest.raises(SystemExit, match="SECRET_KEY must be at least 32 bytes when ENVIRONMENT is production"):
        main()


def test_origins_are_separated_by_commas(monkeypatch):
    monkeypatch.setenv("CORS_ORIGINS", "https://a.example, https://b.example,")
    settings = GatewaySettings(environment="development")
    assert settings.cors_origins == ("https://a.example", "https://b.example")


def test_there_are_many_tenants_unless_it_is_said_otherwise(monkeypatch):
    assert GatewaySettings(environment="development").enable_multi_tenant is True
    monkeypatch.setenv("ENABLE_MULTI_TENANT", "false")
    assert GatewaySettings(environment="development").enable_multi_tenant is False

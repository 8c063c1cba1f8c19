"""Settings come from arguments, secret files and the environment, in this order."""

import pytest
from pydantic import SecretStr, ValidationError

from runtime import Settings


class WithSecret(Settings):
    secret_key: SecretStr


def test_a_secret_comes_from_the_file_its_name_points_to(tmp_path, monkeypatch):
    file = tmp_path / "key"
    file.write_text("from the file\n")
    monkeypatch.setenv("SECRET_KEY_FILE", str(file))
    monkeypatch.setenv("SECRET_KEY", "from the environment")
    assert WithSecret().secret_key.get_secret_value() == "from the file"


def test_arguments_come_before_everything(monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "from the environment")
    assert WithSecret(secret_key="given").secret_key.get_secret_value() == "given"


def test_a_wrong_value_is_named_and_not_shown(monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "s")
    monkeypatch.setenv("HTTP_PORT", "not-a-port")
    with pytest.raises(ValidationError, match="http_port") as caught:
        WithSecret()
    assert "not-a-port" not in str(caught.value)


def test_production_is_what_nobody_asked_for(monkeypatch):
    monkeypatch.delenv("ENVIRONMENT", raising=False)
    monkeypatch.setenv("SECRET_KEY", "s")
    assert WithSecret().environment == "production"

"""The secrets of an installation: made once, private, and never replaced in silence."""

import pytest

from memori_cli.doctor import examine
from memori_cli.local.secrets import load_or_create
from memori_cli.local.server import LocalServerError


def test_they_are_made_once_and_for_the_owner_only(tmp_path):
    file, data = tmp_path / "secrets.json", tmp_path / "postgres"
    made = load_or_create(file, data=data)
    data.mkdir()
    assert load_or_create(file, data=data) == made
    assert file.stat().st_mode & 0o077 == 0


def test_lost_secrets_are_not_replaced_while_there_are_data(tmp_path):
    (tmp_path / "postgres").mkdir()
    with pytest.raises(LocalServerError, match="missing"):
        load_or_create(tmp_path / "secrets.json", data=tmp_path / "postgres")


@pytest.mark.parametrize("text", ["{broken", "[]", "{}", '{"secret_key": "x", "database": {}, "nats": {}}'])
def test_damaged_secrets_are_an_error_that_says_how_to_mend_it_and_the_doctor_finds_it(tmp_path, text):
    file = tmp_path / "secrets.json"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(LocalServerError, match="Put it back"):
        load_or_create(file, data=tmp_path / "postgres")
    assert any(found.what == "secrets" and not found.well for found in examine(tmp_path, 8000))

import json
import stat

import jwt
import pytest
from typer.testing import CliRunner

from contracts.permissions import SUBSCRIBER
from contracts.topology import MIGRATOR, SERVICES
from memori_cli.main import app
from memori_cli.secrets_folder import write_secrets


def made(folder):
    write_secrets(folder, postgres="db.example:5433", database="memori")
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_every_service_gets_its_own_secrets(tmp_path):
    files = made(tmp_path / "secrets")
    passwords = json.loads(files["database-passwords"])
    for service in SERVICES:
        assert json.dumps(files[f"{service}-nats-password"]) in files["nats-authorization.conf"]
        for kind, name in (("app", "database-url"), ("worker", "database-worker-url")):
            role = f"{service.replace('-', '_')}_{kind}"
            url = files.get(f"{service}-{name}")
            assert url == (
                None if service == "gateway" else f"postgresql://{role}:{passwords[role]}@db.example:5433/memori"
            )
    for user in (MIGRATOR, SUBSCRIBER):
        assert json.dumps(files[f"{user}-nats-password"]) in files["nats-authorization.conf"]
    secrets = [files["secret-key"], files["postgres-password"], *passwords.values()]
    assert len(set(secrets)) == len(secrets)
    assert all(len(secret) >= 32 for secret in secrets)


def test_only_their_owner_gets_into_the_folder(tmp_path):
    made(tmp_path / "secrets")
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700


def test_secrets_that_are_there_stay_as_they_are(tmp_path):
    files = made(tmp_path)
    assert made(tmp_path) == files


def test_a_folder_that_lost_some_is_not_filled_up(tmp_path):
    made(tmp_path)
    (tmp_path / "secret-key").unlink()
    with pytest.raises(FileExistsError, match="lacks secret-key"):
        write_secrets(tmp_path, postgres="postgres", database="memori")
    assert not (tmp_path / "secret-key").exists()


def test_a_token_is_signed_with_the_key_in_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "another key, which the file's takes the place of")
    key = made(tmp_path)["secret-key"]
    options = ["token", "ada", "--tenant", "acme", "--role", "admin"]
    done = CliRunner().invoke(app, options, env={"SECRET_KEY_FILE": str(tmp_path / "secret-key")})
    assert done.exit_code == 0, done.output
    claims = jwt.decode(done.output.strip(), key, ["HS256"])
    assert (claims["sub"], claims["tenant"], claims["roles"]) == ("ada", "acme", ["admin"])

"""The system in containers, with what the tests ask of `LocalStack`."""

import json
import os
import subprocess
from pathlib import Path
from urllib.parse import quote

from contracts.permissions import SUBSCRIBER
from contracts.topology import MIGRATOR, SERVICES
from memori_cli.local.processes import free_ports
from memori_cli.local.secrets import Secrets
from memori_cli.secrets_folder import write_secrets

ROOT = Path(__file__).parents[1]
PROJECT = "memori-e2e"
READY_SECONDS = 120


class ComposeStack:
    """Starts the containers of a project of its own and removes them, volumes and all, at the end."""

    def __init__(self, home):
        self._home = home
        self.files = home / "files"
        self.files.mkdir()
        self.files.chmod(0o755)
        write_secrets(home / "secrets", postgres="postgres", database="memori")
        users = (*SERVICES, SUBSCRIBER, MIGRATOR)
        self.secrets = Secrets(
            self._secret("secret-key"),
            json.loads(self._secret("database-passwords")),
            {user: self._secret(f"{user}-nats-password") for user in users},
        )
        # The same after a restart, so that whoever knows an address may go on using it.
        self._ports = dict(zip(("gateway", "postgres", "nats"), free_ports(3), strict=True))
        self.gateway_url = f"http://127.0.0.1:{self._ports['gateway']}"
        self.supervisor = Containers(self)
        self.postgres = Server(self, "postgres", self._ports["postgres"])
        self.nats = Server(self, "nats", self._ports["nats"])

    def compose(self, *arguments, check=True):
        files = ("--file", ROOT / "docker-compose.yml", "--file", ROOT / "deploy/docker/test.yml")
        environment = os.environ | {
            "MEMORI_SECRETS": str(self._home / "secrets"),
            "MEMORI_FILES": str(self.files),
            **{f"MEMORI_E2E_{name.upper()}": str(port) for name, port in self._ports.items()},
            # Users by name, as in the embedded system.
            "ENVIRONMENT": "development",
        }
        command = ["docker", "compose", "--project-name", PROJECT, *files, *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=1_800)
        assert not check or done.returncode == 0, done.stderr[-4_000:]
        return done.stdout.strip()

    def __enter__(self):
        self.compose("up", "--build", "--detach", "--wait")
        return self

    def __exit__(self, *_):
        (self._home / "containers.log").write_text(self.compose("logs", "--no-color", check=False))
        self.compose("down", "--volumes", "--remove-orphans")

    @property
    def admin_url(self):
        return self._database("postgres", self._secret("postgres-password"))

    def database_url(self, role):
        return self._database(role, self.secrets.database[role])

    def subscriber_url(self):
        return self.nats.url.replace("//", f"//{SUBSCRIBER}:{quote(self.secrets.nats[SUBSCRIBER])}@")

    def revive(self):
        """Start PostgreSQL and NATS where they have ended; the names of those."""
        running = self.compose("ps", "--services", "--status", "running").split()
        ended = [name for name in ("postgres", "nats") if name not in running]
        for name in ended:
            self.compose("up", "--detach", "--no-deps", "--wait", name)
        return [{"postgres": "PostgreSQL", "nats": "NATS"}[name] for name in ended]

    def _database(self, role, password):
        return f"postgresql://{role}:{quote(password)}@127.0.0.1:{self._ports['postgres']}/memori"

    def _secret(self, name):
        return (self._home / "secrets" / name).read_text()


class Containers:
    """The services' containers, as `Supervisor` has their processes."""

    def __init__(self, stack):
        self._stack = stack

    def pid(self, service):
        return self._stack.compose("ps", "--quiet", "--status", "running", service) or None

    def kill(self, service):
        self._stack.compose("kill", service)

    def stop(self, service):
        self._stack.compose("stop", service)

    def start(self, service):
        self._stack.compose("up", "--detach", "--no-deps", service)

    def wait_ready(self, service=None, *, timeout=READY_SECONDS):
        wanted = [service] if service else list(SERVICES)
        self._stack.compose("up", "--detach", "--no-deps", "--wait", "--wait-timeout", str(round(timeout)), *wanted)


class Server:
    """The container of PostgreSQL or NATS, as the embedded servers have their processes."""

    def __init__(self, stack, name, port):
        self._stack = stack
        self._name = name
        self.url = f"{name}://127.0.0.1:{port}"

    def kill(self):
        self._stack.compose("kill", self._name)

    def lose_disk(self):
        """Remove the volume of one that is not running."""
        self._stack.compose("rm", "--force", "--volumes", self._name)
        subprocess.run(["docker", "volume", "rm", f"{PROJECT}_{self._name}"], check=True, capture_output=True)

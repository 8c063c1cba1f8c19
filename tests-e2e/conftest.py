"""The running system: every service as a process of its own, on embedded Postgres and NATS; with MEMORI_E2E=compose as
containers.
"""

import importlib.util
import os
import time
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from memori_cli.local.stack import LocalStack
from memori_cli.sample import create


class User:
    """A user of the running system, by HTTP alone."""

    def __init__(self, base_url, user_id):
        self.user_id = user_id
        self.http = httpx.Client(base_url=base_url, headers={"X-User-Id": user_id}, timeout=60)

    def post(self, path, body=None, status=None, **options):
        return self._checked(self.http.post(path, json=body, **options), status or {200, 201})

    def get(self, path, status=None, **options):
        return self._checked(self.http.get(path, **options), status or {200})

    def remember(self, content, **fields):
        return self.post("/api/memories", {"content": content, **fields}, {201})

    def search(self, query, **fields):
        return self.post("/api/memories/search", {"query": query, **fields}, {200})

    def ask(self, question, **fields):
        return self.post("/api/queries", {"question": question, **fields}, {200})

    @staticmethod
    def _checked(response, status):
        allowed = {status} if isinstance(status, int) else status
        assert response.status_code in allowed, f"{response.status_code}: {response.text}"
        return response.json() if response.content else None


def in_containers(home):
    # pytest imports test files one by one, so one of them cannot simply import another.
    location = importlib.util.spec_from_file_location("compose", Path(__file__).with_name("compose.py"))
    module = importlib.util.module_from_spec(location)
    location.loader.exec_module(module)
    return module.ComposeStack(home)


@pytest.fixture(scope="session")
def system(tmp_path_factory):
    home = tmp_path_factory.mktemp("system")
    home.chmod(0o711)
    if os.environ.get("MEMORI_E2E") == "compose":
        with in_containers(home) as stack:
            yield stack
        return
    # Time is checked and what is missing looked for more often than in production, so that tests need not wait.
    settings = {"MEMORY_SWEEP_SECONDS": "0.5", "EMBEDDING_RECONCILE_SECONDS": "1"}
    with LocalStack(home, durable=False, restart=False, settings=settings) as stack:
        yield stack


@pytest.fixture
def new_user(system):
    """Makes users nobody has heard of, so that tests do not meet."""
    made = []

    def make(name="user"):
        user = User(system.gateway_url, f"{name}-{uuid4().hex[:8]}")
        made.append(user)
        return user

    yield make
    for user in made:
        user.http.close()


@pytest.fixture
def ada(new_user):
    return new_user("ada")


@pytest.fixture(scope="session")
def shop_file(system, tmp_path_factory):
    """The sample shop; containers see the folder of the stack's files."""
    path = (getattr(system, "files", None) or tmp_path_factory.mktemp("shop")) / "shop.sqlite"
    create(path)
    return path


@pytest.fixture(scope="session")
def shop(system, shop_file):
    """Where the sample shop is, as a data source is told."""
    return shop_file.name if hasattr(system, "files") else str(shop_file)


@pytest.fixture
def wait():
    """Polls until a check passes; fails with its last error."""

    def until(check, timeout=30.0):
        deadline = time.monotonic() + timeout
        while True:
            try:
                found = check()
            except (AssertionError, httpx.HTTPError) as error:
                if time.monotonic() > deadline:
                    raise
                last = error
            else:
                if found is not False:
                    return found
                last = AssertionError("never held")
            if time.monotonic() > deadline:
                raise last
            time.sleep(0.05)

    return until


@pytest.fixture
def with_shop(shop):
    """Registers and syncs the sample shop for a user; returns its id."""

    def register(user):
        made = user.post("/api/data-sources", {"name": "shop", "kind": "sqlite", "connection": shop}, 201)
        synced = user.post(f"/api/data-sources/{made['data_source_id']}/sync", status=200)
        assert synced["status"] == "ready"
        return made["data_source_id"]

    return register

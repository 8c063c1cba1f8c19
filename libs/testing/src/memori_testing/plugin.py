"""Fixtures every test suite shares: real Postgres, real NATS, a migrated stack, and waiting with a deadline."""

import asyncio
import inspect
import itertools
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import pytest_asyncio

from memori_cli.local.nats import EmbeddedNats
from memori_cli.local.postgres import EmbeddedPostgres
from memori_testing.mariadb import EmbeddedMariaDB, MariaDatabase
from memori_testing.mariadb_programs import MariaDBMissingError, find_mariadb
from memori_testing.stack import Stack, create_stack, drop_stack, prepare_template

Eventually: TypeAlias = Callable[..., Awaitable[Any]]
_numbers = itertools.count(1)


@contextmanager
def _server_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="memori-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder


@pytest.fixture
def server_folder() -> Iterator[Path]:
    """An empty folder for embedded servers, removed after the test.

    Unlike `tmp_path` another user may pass through it, which Postgres needs where tests run as root in a container.
    """
    with _server_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[EmbeddedPostgres]:
    """One Postgres for the whole run; a crash may lose its data."""
    with _server_folder() as folder, EmbeddedPostgres(folder / "postgres", durable=False) as server:
        yield server


@pytest.fixture
def postgres_database(postgres_server: EmbeddedPostgres) -> Iterator[str]:
    """The superuser's URL of a fresh, empty database."""
    name = f"test_{next(_numbers)}"
    yield postgres_server.create_database(name)
    postgres_server.drop_database(name)


@pytest.fixture(scope="session")
def mariadb_server(pytestconfig: pytest.Config) -> Iterator[EmbeddedMariaDB]:
    """One MariaDB for the whole run; tests that need it are skipped where there is none and none can be fetched."""
    with _server_folder() as folder:
        try:
            server = EmbeddedMariaDB(folder / "mariadb", find_mariadb(pytestconfig.rootpath / ".memori" / "mariadb"))
            server.start()
        except MariaDBMissingError as error:
            pytest.skip(str(error))
        yield server
        server.stop()


@pytest.fixture
def mariadb_database(mariadb_server: EmbeddedMariaDB) -> Iterator[MariaDatabase]:
    """A fresh, empty database of MariaDB, with a login that can do everything and one that can only read."""
    made = mariadb_server.create_database(f"test_{next(_numbers)}")
    yield made
    mariadb_server.drop_database(made.name)


@pytest.fixture(scope="session")
def nats_server() -> Iterator[EmbeddedNats]:
    """One NATS server with JetStream for the whole run, open to everyone on this machine."""
    with _server_folder() as folder, EmbeddedNats(folder / "nats", durable=False) as server:
        yield server


@pytest_asyncio.fixture(scope="session")
async def _template(postgres_server: EmbeddedPostgres) -> None:
    await prepare_template(postgres_server)


@pytest_asyncio.fixture
async def stack(_template: None, postgres_server: EmbeddedPostgres, nats_server: EmbeddedNats) -> AsyncIterator[Stack]:
    """A migrated database of this test's own, and empty streams."""
    made = await create_stack(postgres_server, nats_server)
    yield made
    drop_stack(postgres_server, made)


@pytest.fixture(scope="session")
def eventually() -> Eventually:
    """A function to await: it calls a check until that holds, and fails with its last error when it never does."""
    return _eventually


async def _eventually(
    check: Callable[[], Any],
    *,
    timeout: float = 10.0,  # noqa: ASYNC109  # the deadline is the point
    interval: float = 0.02,
    ignore: tuple[type[Exception], ...] = (),
) -> Any:
    """What the check returns, once it is not False and raises neither AssertionError nor one of `ignore`."""
    deadline = time.monotonic() + timeout
    not_yet: tuple[type[Exception], ...] = (AssertionError, *ignore)
    while True:
        try:
            found = check()
            if inspect.isawaitable(found):
                found = await found
            if found is not False:
                return found
            problem: Exception = AssertionError(f"{getattr(check, '__name__', check)} never held")
        except not_yet as error:
            problem = error
        if time.monotonic() > deadline:
            raise problem
        await asyncio.sleep(interval)

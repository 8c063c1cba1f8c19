"""Fixtures every test suite shares: real Postgres, real NATS, a migrated stack, and waiting with a deadline."""

import asyncio
import inspect
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, TypeAlias

import pytest
import pytest_asyncio
from memori_cli.local.nats import EmbeddedNats
from memori_cli.local.postgres import EmbeddedPostgres

from memori_testing.stack import Stack, create_stack, drop_stack, prepare_template

Eventually: TypeAlias = Callable[..., Awaitable[Any]]
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """One Postgres for the whole run; a crash may lose its data."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), durable=False) as server:
        yield server


@pytest.fixture
def postgres_database(postgres_server: EmbeddedPostgres) -> Iterator[str]:
    """The superuser's URL of a fresh, empty database."""
    name = f"test_{next(_numbers)}"
    yield postgres_server.create_database(name)
    postgres_server.drop_database(name)


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedNats]:
    """One NATS server with JetStream for the whole run, open to everyone on this machine."""
    with EmbeddedNats(tmp_path_factory.mktemp("nats"), durable=False) as server:
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
    """`await eventually(check)`: waits until the check holds, and fails with its last error when it never does."""
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
    while True:
        try:
            found = check()
            if inspect.isawaitable(found):
                found = await found
            if found is not False:
                return found
            problem: Exception = AssertionError(f"{getattr(check, '__name__', check)} never held")
        except (AssertionError, *ignore) as error:
            problem = error
        if time.monotonic() > deadline:
            raise problem
        await asyncio.sleep(interval)

"""A service made of what a test migrates, on a real Postgres."""

from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from persistence import Database
from persistence.migrations import migrate, migrator
from persistence.roles import bootstrap

SERVICE = "toy-service"
PASSWORDS = {"toy_service_app": "app", "toy_service_worker": "worker"}
REVISION = """
from alembic import op
from persistence.policies import *

revision = "{revision}"
down_revision = {down_revision!r}


def upgrade():
    {upgrade}


def downgrade():
    {downgrade}
"""


class Toy:
    """The service's schema and roles."""

    def __init__(self, url, folder):
        self.url = url
        self._folder = folder
        self._revisions = []
        (folder / "versions").mkdir()

    def revision(self, upgrade, downgrade="pass"):
        """Write the next migration, of these statements."""
        number, down = f"{len(self._revisions) + 1:04}", self._revisions[-1] if self._revisions else None
        body = REVISION.format(revision=number, down_revision=down, upgrade=upgrade, downgrade=downgrade)
        (self._folder / "versions" / f"{number}.py").write_text(body)
        self._revisions.append(number)

    async def migrate(self, **options):
        async with migrator(self.url) as connection:
            async with connection.begin():
                await connection.run_sync(bootstrap, SERVICE, PASSWORDS)
            return await connection.run_sync(migrate, SERVICE, self._folder, **options)

    @asynccontextmanager
    async def database(self, kind="app", **options):
        role = f"toy_service_{kind}"
        url = make_url(self.url).set(username=role, password=PASSWORDS[role]).render_as_string(hide_password=False)
        made = Database(url, application="test", **options)
        try:
            yield made
        finally:
            await made.close()

    async def admin(self, sql, **parameters):
        """What the superuser's statement returns."""
        made = Database(self.url, application="test")
        async with made.worker_transaction() as transaction:
            result = await transaction.execute(text(sql), parameters)
            found = result.all() if result.returns_rows else []
        await made.close()
        return found


@pytest.fixture
def toy(postgres_database, tmp_path):
    return Toy(postgres_database, tmp_path)

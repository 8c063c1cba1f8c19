"""How vectors travel between us and Postgres: in binary, as `pgvector.HalfVector`."""

from typing import Any

from pgvector.asyncpg import register_vector
from sqlalchemy import event

from persistence import Database


def speak_vectors(database: Database) -> None:
    """Let the connections of a database that has not been used yet send and receive vectors in binary."""

    def register(connection: Any, _: Any) -> None:
        connection.run_async(register_vector)

    event.listen(database.engine.sync_engine, "connect", register)

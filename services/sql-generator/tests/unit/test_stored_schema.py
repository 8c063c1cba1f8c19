"""A stored schema is parsed once for each text of it."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from contracts.sql_generator import Column, DatabaseSchema, DataSource, Table
from sql_generator.repository.data_sources import StoredSource


def stored(tables, comment=""):
    schema = DatabaseSchema(
        dialect="sqlite",
        tables=tuple(
            Table(name=f"t{number}", comment=comment, columns=(Column(name="id", type="INTEGER"),))
            for number in range(tables)
        ),
    )
    now = datetime.now(UTC)
    source = DataSource.model_construct(data_source_id=uuid4(), name="s", kind="sqlite", created_at=now)
    # As from the database: each time a text of its own.
    return schema, lambda: StoredSource(source, b"", schema.model_dump_json())


@pytest.mark.parametrize("tables", [1, 2_000])
async def test_the_same_schema_is_parsed_once_and_another_one_anew(tables):
    schema, read = stored(tables)
    first = await read().schema()
    assert first == schema
    assert await read().schema() is first
    changed, read_changed = stored(tables, comment="of another sync")
    assert await read_changed().schema() == changed


async def test_a_source_that_was_never_synced_has_no_schema():
    assert await StoredSource(DataSource.model_construct(), b"", None).schema() is None

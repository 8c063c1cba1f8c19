"""The shop that the tests of the offline model ask about."""

import sqlite3
from collections.abc import Callable, Iterator
from datetime import date
from uuid import uuid4

import pytest

from contracts.memory_store import RecalledMemory
from contracts.sql_generator import Column, DatabaseSchema, ForeignKey, Table
from sql_generator.domain.likeness import Past, likeness
from sql_generator.generation.model import Draft, Example, GenerationContext
from sql_generator.generation.offline import OfflineModel

_TABLES = {
    "customers": "customer_id:INTEGER* name:TEXT email:TEXT country:TEXT segment:TEXT signed_up_on:DATE",
    "products": "product_id:INTEGER* name:TEXT category:TEXT price:NUMERIC",
    "orders": "order_id:INTEGER* customer_id:INTEGER>customers status:TEXT ordered_at:TIMESTAMP channel:TEXT",
    "order_items": "order_id:INTEGER*>orders product_id:INTEGER*>products quantity:INTEGER unit_price:NUMERIC discount:NUMERIC",
}
_SAMPLES = {
    "country": ("Austria", "France", "Germany"),
    "segment": ("business", "consumer", "enterprise"),
    "category": ("Audio", "Kitchen"),
    "status": ("cancelled", "paid", "pending", "refunded", "shipped"),
    "channel": ("mobile", "web"),
}
_ROWS = {
    "customers": [
        (1, "Ada", "ada@x.example", "France", "business", "2025-01-10"),
        (2, "Bob", None, "France", "consumer", "2025-06-01"),
        (3, "Cleo", "cleo@x.example", "Germany", "enterprise", "2026-02-01"),
        (4, "Dan", "dan@x.example", "Austria", "consumer", "2026-05-20"),
    ],
    "products": [(1, "Kettle", "Kitchen", 40), (2, "Radio", "Audio", 120), (3, "Turntable", "Audio", 400), (4, "Pan", "Kitchen", 60)],
    "orders": [
        (1, 1, "paid", "2025-02-01 10:00:00", "web"),
        (2, 1, "cancelled", "2025-12-31 23:59:00", "mobile"),
        (3, 2, "shipped", "2026-01-15 08:00:00", "web"),
        (4, 3, "paid", "2026-05-02 12:00:00", "web"),
        (5, 3, "refunded", "2026-06-03 12:00:00", "mobile"),
        (6, 3, "shipped", "2026-06-20 12:00:00", "web"),
    ],
    "order_items": [
        (1, 1, 2, 40, 0), (1, 2, 1, 100, 0), (2, 3, 1, 400, 0), (3, 1, 1, 40, 0.5),
        (4, 2, 3, 120, 0), (5, 2, 1, 120, 0), (6, 1, 5, 38, 0), (6, 3, 1, 390, 0),
    ],
}  # fmt: skip


def _table(name: str, spec: str) -> Table:
    columns, keys = [], []
    for part in spec.split():
        column, _, declared = part.partition(":")
        declared, _, target = declared.partition(">")
        kind = declared.rstrip("*")
        primary = declared.endswith("*")
        columns.append(
            Column(name=column, type=kind, nullable=not primary, primary_key=primary, samples=_SAMPLES.get(column, ()))
        )
        if target:
            keys.append(ForeignKey(columns=(column,), target_table=target, target_columns=(column,)))
    return Table(name=name, columns=tuple(columns), foreign_keys=tuple(keys))


@pytest.fixture(scope="session")
def shop() -> DatabaseSchema:
    return DatabaseSchema(dialect="sqlite", tables=tuple(_table(name, spec) for name, spec in _TABLES.items()))


@pytest.fixture(scope="session")
def shop_rows(shop: DatabaseSchema) -> Iterator[Callable[[str], list[tuple[object, ...]]]]:
    """Runs a query on the shop's rows."""
    connection = sqlite3.connect(":memory:")
    for table in shop.tables:
        connection.execute(f"CREATE TABLE {table.name} ({', '.join(column.name for column in table.columns)})")
        marks = ", ".join("?" for _ in table.columns)
        connection.executemany(f"INSERT INTO {table.name} VALUES ({marks})", _ROWS[table.name])
    yield lambda sql: connection.execute(sql).fetchall()
    connection.close()


Ask = Callable[..., Draft]


@pytest.fixture
def ask(shop: DatabaseSchema) -> Ask:
    """Asks the offline model on 30 June 2026: `remembered` are contents of memories, `examples` (question, SQL, trust)."""

    def asked(question, *, remembered=(), examples=(), similarity=0.9, schema=shop, **context) -> Draft:
        memories = tuple(
            RecalledMemory(memory_id=uuid4(), content=content, memory_type="long_term", similarity_score=0.9, score=0.9)
            for content in remembered
        )
        likenesses = likeness(question, [Past(old, sql, similarity) for old, sql, _ in examples])
        past = tuple(
            Example(uuid4(), old, sql, trust, similarity, alike)
            for (old, sql, trust), alike in zip(examples, likenesses, strict=True)
        )
        model = OfflineModel(today=lambda: date(2026, 6, 30))
        return model.answer(
            GenerationContext(question=question, schema=schema, memories=memories, examples=past, **context)
        )

    return asked

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.sql_generator import Column, DatabaseSchema, ForeignKey, Table
from sql_generator.sources.fingerprint import fingerprint

CUSTOMERS = Table(
    name="customers",
    columns=(Column(name="id", type="bigint", nullable=False, primary_key=True), Column(name="name", type="text")),
)
STORES = Table(
    name="stores",
    columns=(Column(name="land", type="text"), Column(name="code", type="text")),
    foreign_keys=(
        ForeignKey(columns=("land", "code"), target_table="regions", target_columns=("country", "code")),
        ForeignKey(columns=("land",), target_table="countries", target_columns=("id",)),
    ),
)
SCHEMA = DatabaseSchema(dialect="postgres", tables=(CUSTOMERS, STORES))


def _with_column(**changes: object) -> DatabaseSchema:
    columns = (CUSTOMERS.columns[0], CUSTOMERS.columns[1].model_copy(update=changes))
    return SCHEMA.model_copy(update={"tables": (CUSTOMERS.model_copy(update={"columns": columns}), STORES)})


@given(st.permutations(SCHEMA.tables), st.permutations(STORES.columns), st.permutations(STORES.foreign_keys))
def test_order_does_not_matter(tables: list[Table], columns: list[Column], keys: list[ForeignKey]) -> None:
    stores = STORES.model_copy(update={"columns": tuple(columns), "foreign_keys": tuple(keys)})
    shuffled = tuple(stores if table.name == "stores" else table for table in tables)
    assert fingerprint(SCHEMA.model_copy(update={"tables": shuffled})) == fingerprint(SCHEMA)


def test_the_order_inside_a_composite_key_does_not_matter_but_its_pairs_do() -> None:
    def schema(key: ForeignKey) -> DatabaseSchema:
        return DatabaseSchema(dialect="postgres", tables=(STORES.model_copy(update={"foreign_keys": (key,)}),))

    key = STORES.foreign_keys[0]
    turned = ForeignKey(columns=("code", "land"), target_table="regions", target_columns=("code", "country"))
    crossed = ForeignKey(columns=("land", "code"), target_table="regions", target_columns=("code", "country"))
    assert fingerprint(schema(key)) == fingerprint(schema(turned))
    assert fingerprint(schema(key)) != fingerprint(schema(crossed))


def test_comments_samples_and_estimates_do_not_matter() -> None:
    described = _with_column(comment="who", samples=("Ann",))
    counted = SCHEMA.model_copy(
        update={"tables": (CUSTOMERS.model_copy(update={"row_estimate": 5, "comment": "x"}), STORES)}
    )
    assert fingerprint(described) == fingerprint(counted) == fingerprint(SCHEMA)


@pytest.mark.parametrize(
    "drift",
    [
        lambda: _with_column(name="title"),
        lambda: _with_column(type="varchar(10)"),
        lambda: _with_column(nullable=False),
        lambda: _with_column(primary_key=True),
        lambda: SCHEMA.model_copy(update={"tables": (CUSTOMERS,)}),
        lambda: SCHEMA.model_copy(update={"dialect": "sqlite"}),
    ],
)
def test_structure_matters(drift: Callable[[], DatabaseSchema]) -> None:
    assert fingerprint(drift()) != fingerprint(SCHEMA)

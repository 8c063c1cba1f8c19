from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from contracts.identity import Identity
from contracts.sql_generator import Column, DataSource, ForeignKey, Table
from entity_extractor.domain.graph import Aging, ColumnRef, Edge, Join, Node, SourceKey, importance
from entity_extractor.domain.meaning import meant
from entity_extractor.domain.schema_graph import declared_graph

KEY = SourceKey(Identity("acme", "ada"), UUID(int=1))
SOURCE = DataSource(
    data_source_id=KEY.data_source_id,
    name="Shop",
    kind="postgres",
    status="ready",
    fingerprint="f",
    table_count=2,
    synced_at=None,
    created_at=datetime.now(UTC),
    updated_at=datetime.now(UTC),
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def table(name, *columns, keys=()):
    return Table(name=name, columns=tuple(Column(name=column, type="text") for column in columns), foreign_keys=keys)


def graph(*tables):
    return declared_graph(KEY, SOURCE, "postgres", tables)


columns = st.builds(ColumnRef, table=st.sampled_from(["a", "b"]), column=st.sampled_from(["x", "y", "z"]))


@given(st.lists(st.tuples(columns, columns), min_size=1, max_size=4))
def test_a_join_has_no_direction_and_no_order(pairs):
    turned = [(right, left) for left, right in reversed(pairs)]
    assert Join.on(pairs) == Join.on(turned) == Join.on(pairs * 2)


def test_a_column_joined_with_itself_is_no_join():
    assert Join.on([(ColumnRef("a", "x"), ColumnRef("a", "x"))]) is None


def test_reserved_words_and_capitals_are_quoted_in_conditions():
    join = Join.on([(ColumnRef("order", "Id"), ColumnRef("sales.items", 'a"b'))])
    assert join.condition == '"order"."Id" = sales.items."a""b"'


@given(st.integers(1, 60))
def test_strength_and_importance_grow_with_use_and_stay_within_one(count):
    aging = Aging(NOON, timedelta(days=90))
    assert 0 < aging.strength(count, NOON) <= 1
    assert aging.strength(count, NOON) >= aging.strength(count - 1, NOON)
    assert aging.strength(count, NOON - timedelta(days=30)) <= aging.strength(count, NOON)
    assert 0.5 <= importance(count - 1) < importance(count) < 1


def test_ids_are_those_of_one_users_source():
    edge = Edge(Node("table", "t"), Node("column", "t.c"), "has_column")
    others = [
        SourceKey(Identity("acme", "eve"), KEY.data_source_id),
        SourceKey(Identity("other", "ada"), KEY.data_source_id),
        SourceKey(Identity("acme", "ada"), UUID(int=2)),
    ]
    assert len({key.relationship_id(edge) for key in [KEY, *others]}) == 4
    assert KEY.entity_id(Node("table", "t")) != KEY.entity_id(Node("database", "t"))


def test_a_composite_key_is_one_join():
    lines = table(
        "lines",
        "order_id",
        "version",
        keys=(ForeignKey(columns=("order_id", "version"), target_table="orders", target_columns=("id", "version")),),
    )
    (join,) = [
        item
        for item in graph(lines, table("orders", "id", "version")).relationships
        if item.relationship_type == "joins_with"
    ]
    assert join.context == "lines.order_id = orders.id and lines.version = orders.version"
    assert join.strength(Aging(NOON, timedelta(days=90))) == 1.0
    assert join.metadata == {
        "origin": "foreign_key",
        "table": "lines",
        "columns": ["order_id", "version"],
        "target_table": "orders",
        "target_columns": ["id", "version"],
    }


def test_a_key_to_what_cannot_be_seen_is_left_out():
    orders = table(
        "orders",
        "customer_id",
        keys=(
            ForeignKey(columns=("customer_id",), target_table="hidden", target_columns=("id",)),
            ForeignKey(columns=("customer_id",), target_table="orders", target_columns=("hidden",)),
        ),
    )
    assert {item.relationship_type for item in graph(orders).relationships} == {"has_column"}


def test_names_too_long_to_keep_are_left_out_with_their_relationships():
    found = graph(table("t", "c" * 600, "ok"))
    assert [entity.node.entity_name for entity in found.entities] == ["Shop", "t", "t.ok"]
    assert len(found.relationships) == 1


def named(*names):
    entities = {entity.node.entity_name: entity for entity in graph(*SHOP).entities}
    return [entities[name] for name in names]


SHOP = (
    table("customers", "id", "city", "region"),
    table("orders", "id", "amount", "region"),
    *(table(f"t{n}", "note") for n in range(6)),
)


def test_a_shared_column_name_means_that_of_the_named_table():
    assert meant(named("orders", "orders.region", "customers.region")).columns == ("orders.region",)


def test_a_column_that_one_table_has_names_its_table():
    assert meant(named("orders", "customers.city")).tables == ("orders", "customers")


def test_a_shared_column_name_stays_open_between_a_few_and_says_nothing_among_many():
    found = meant(named("customers.region", "orders.region", *(f"t{n}.note" for n in range(6))))
    assert found.tables == ()
    assert found.columns == ("customers.region", "orders.region")


def test_half_a_life_without_use_halves_the_uses_and_what_lies_ahead_counts_as_now():
    aging = Aging(NOON, timedelta(days=90))
    assert aging.strength(2, NOON) == 0.75
    assert aging.strength(2, NOON - timedelta(days=90)) == 0.5
    assert aging.strength(4, NOON - timedelta(days=180)) == 0.5
    assert aging.strength(2, NOON + timedelta(days=90)) == 0.75
    assert aging.strength(1, NOON - timedelta(days=9_000)) == 0

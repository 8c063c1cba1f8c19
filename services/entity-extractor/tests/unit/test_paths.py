from hypothesis import given
from hypothesis import strategies as st

from entity_extractor.domain.paths import JoinEdge, JoinGraph


def graph(*edges):
    return JoinGraph(JoinEdge(left, right, f"{left}={right}", strength) for left, right, strength in edges)


def test_tables_are_connected_over_others():
    shop = graph(("customers", "orders", 1.0), ("orders", "items", 1.0), ("items", "products", 1.0))
    assert shop.connected(["customers", "products"], limit=10) == ("customers", "products", "orders", "items")


def test_a_stronger_way_round_beats_a_weak_shortcut():
    shop = graph(("a", "b", 1.0), ("b", "c", 1.0), ("a", "c", 0.25))
    assert shop.connected(["a", "c"], limit=10) == ("a", "c", "b")


def test_a_direct_join_beats_a_way_round():
    shop = graph(("a", "b", 1.0), ("b", "c", 1.0), ("a", "c", 0.75))
    assert shop.connected(["a", "c"], limit=10) == ("a", "c")


def test_tables_that_nothing_connects_stay_and_the_rest_is_connected():
    shop = graph(("x", "y", 1.0), ("y", "z", 1.0))
    assert shop.connected(["lonely", "x", "z"], limit=10) == ("lonely", "x", "z", "y")


def test_every_way_to_join_two_tables_is_told_the_strongest_first():
    shop = JoinGraph(
        [
            JoinEdge("addresses", "orders", "addresses.id = orders.billing_id", 0.5),
            JoinEdge("addresses", "orders", "addresses.id = orders.shipping_id", 1.0),
            JoinEdge("orders", "orders", "orders.id = orders.parent_id", 0.75),
            JoinEdge("orders", "items", "items.order_id = orders.id", 1.0),
        ]
    )
    assert [edge.condition for edge in shop.between({"addresses", "orders"})] == [
        "addresses.id = orders.shipping_id",
        "orders.id = orders.parent_id",
        "addresses.id = orders.billing_id",
    ]


def test_no_tables_connect_to_nothing():
    assert graph(("a", "b", 1.0)).connected([], limit=5) == ()


tables = st.sampled_from("abcdefgh")
strengths = st.sampled_from([0.0, 0.25, 0.5, 1.0])


@given(st.lists(st.tuples(tables, tables, strengths)), st.lists(tables, max_size=8), st.integers(1, 8))
def test_what_was_asked_for_is_kept_within_the_limit_and_connected_if_it_can_be(edges, wanted, limit):
    found = graph(*edges).connected(wanted, limit=limit)
    asked = list(dict.fromkeys(wanted))[:limit]
    assert list(found[: len(asked)]) == asked
    assert len(found) == len(set(found)) <= max(limit, 0)
    if limit == 8:
        assert components(found, edges, asked) == components("abcdefgh", edges, asked)


def components(within, edges, asked):
    """Which of the asked tables are connected using only tables `within`."""
    group = {table: {table} for table in within}
    for left, right, _ in edges:
        if left in group and right in group:
            merged = group[left] | group[right]
            group.update(dict.fromkeys(merged, merged))
    return {frozenset(group[table] & set(asked)) for table in asked}

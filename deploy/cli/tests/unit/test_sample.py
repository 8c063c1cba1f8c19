"""The sample shop: consistent, believable, the same every time, and careful with files that are there."""

import hashlib
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from memori_cli.sample import VERSION, create
from memori_cli.sample import database as sample_database

REVENUE = "sum(i.quantity * i.unit_price * (1 - i.discount))"
SOLD = "orders o JOIN order_items i ON i.order_id = o.id JOIN customers c ON c.id = o.customer_id"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    path = tmp_path_factory.mktemp("sample") / "shop.db"
    create(path)
    with closing(sqlite3.connect(path)) as connection:
        yield connection


def rows(shop: sqlite3.Connection, sql: str) -> list[tuple[Any, ...]]:
    return shop.execute(sql).fetchall()


def value(shop: sqlite3.Connection, sql: str) -> Any:
    [(only,)] = rows(shop, sql)
    return only


def content(path: Path) -> str:
    """A digest of the schema and of every row."""
    with closing(sqlite3.connect(path)) as connection:
        schema = rows(connection, "SELECT name, sql FROM sqlite_master ORDER BY name")
        tables = [name for (name,) in rows(connection, "SELECT name FROM sqlite_master WHERE type = 'table'")]
        data = [rows(connection, f"SELECT * FROM {table} ORDER BY id") for table in sorted(tables)]
    return hashlib.sha256(repr((schema, data)).encode()).hexdigest()


def test_the_summary_counts_the_rows_of_each_table(tmp_path: Path) -> None:
    summary = create(tmp_path / "new" / "shop.db")
    assert summary.created
    with closing(sqlite3.connect(summary.path)) as connection:
        tables = [name for (name,) in rows(connection, "SELECT name FROM sqlite_master WHERE type = 'table'")]
        assert summary.rows == {table: value(connection, f"SELECT count(*) FROM {table}") for table in tables}
    assert summary.rows["customers"] == 400
    assert summary.rows["products"] == 80
    assert summary.rows["orders"] == 3000
    assert 7000 < summary.rows["order_items"] < 8000
    assert 300 < summary.rows["returns"] < 1000


def test_every_foreign_key_finds_its_row(shop: sqlite3.Connection) -> None:
    assert rows(shop, "PRAGMA foreign_key_check") == []
    assert value(shop, "PRAGMA integrity_check") == "ok"
    keys = {
        (table, column, target)
        for table in ("orders", "order_items", "returns")
        for _, _, target, column, *_ in rows(shop, f"PRAGMA foreign_key_list({table})")
    }
    assert keys == {
        ("orders", "customer_id", "customers"),
        ("order_items", "order_id", "orders"),
        ("order_items", "product_id", "products"),
        ("returns", "order_item_id", "order_items"),
    }


def test_the_schema_carries_comments(shop: sqlite3.Connection) -> None:
    uncommented = rows(shop, "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE '%-- %'")
    assert uncommented == []


def test_every_order_has_items_and_a_customer_who_had_signed_up(shop: sqlite3.Connection) -> None:
    assert value(shop, "SELECT count(*) FROM orders WHERE id NOT IN (SELECT order_id FROM order_items)") == 0
    early = (
        "SELECT count(*) FROM orders o JOIN customers c ON c.id = o.customer_id WHERE date(ordered_at) < signed_up_on"
    )
    assert value(shop, early) == 0


def test_orders_cover_the_24_months_before_the_fixed_last_day(shop: sqlite3.Connection) -> None:
    [(first, last, months)] = rows(
        shop,
        "SELECT min(date(ordered_at)), max(date(ordered_at)), count(DISTINCT substr(ordered_at, 1, 7)) FROM orders",
    )
    assert date(2024, 7, 1) <= date.fromisoformat(first) < date(2024, 7, 8)
    assert date(2026, 6, 24) < date.fromisoformat(last) <= date(2026, 6, 30)
    assert months == 24


def test_dates_and_amounts_have_the_declared_form(shop: sqlite3.Connection) -> None:
    for table, column, form in (
        ("customers", "signed_up_on", "%Y-%m-%d"),
        ("orders", "ordered_at", "%Y-%m-%d %H:%M:%S"),
        ("returns", "returned_on", "%Y-%m-%d"),
    ):
        odd = f"SELECT count(*) FROM {table} WHERE strftime('{form}', {column}) IS NOT {column}"
        assert value(shop, odd) == 0, f"{table}.{column}"
    assert value(shop, "SELECT count(*) FROM order_items WHERE round(unit_price, 2) <> unit_price") == 0
    # Prices only rose, so nobody paid more than today's price.
    dearer = "SELECT count(*) FROM order_items JOIN products p ON p.id = product_id WHERE unit_price > price"
    assert value(shop, dearer) == 0


def test_only_recent_orders_are_open_and_most_are_delivered(shop: sqlite3.Connection) -> None:
    counts = dict(rows(shop, "SELECT status, count(*) FROM orders GROUP BY status"))
    assert set(counts) == {"pending", "paid", "shipped", "cancelled", "refunded"}
    assert counts["shipped"] > 3000 / 2
    open_long = "SELECT count(*) FROM orders WHERE status = 'pending' AND ordered_at < '2026-06-01'"
    assert value(shop, open_long) == 0
    in_hand = "SELECT count(*) FROM orders WHERE status = 'paid' AND channel <> 'store' AND ordered_at < '2026-06-01'"
    assert value(shop, in_hand) == 0


def test_a_refunded_order_came_back_whole_and_nothing_came_back_that_was_not_sold(shop: sqlite3.Connection) -> None:
    kept = """SELECT count(*) FROM orders o JOIN order_items i ON i.order_id = o.id
        LEFT JOIN returns r ON r.order_item_id = i.id WHERE o.status = 'refunded' AND r.quantity IS NOT i.quantity"""
    assert value(shop, kept) == 0
    impossible = """SELECT count(*) FROM returns r JOIN order_items i ON i.id = r.order_item_id
        JOIN orders o ON o.id = i.order_id WHERE r.quantity > i.quantity OR returned_on <= date(ordered_at)
        OR returned_on > '2026-06-30' OR o.status NOT IN ('shipped', 'refunded')"""
    assert value(shop, impossible) == 0


def test_total_revenue_is_that_of_a_small_shop(shop: sqlite3.Connection) -> None:
    revenue = value(shop, f"SELECT {REVENUE} FROM {SOLD} WHERE o.status IN ('paid', 'shipped')")
    assert 500_000 < revenue < 1_500_000
    lines = value(shop, "SELECT avg(n) FROM (SELECT count(*) AS n FROM order_items GROUP BY order_id)")
    assert 2 < lines < 3


def test_few_customers_bring_much_of_the_revenue(shop: sqlite3.Connection) -> None:
    by_customer = [r for (r,) in rows(shop, f"SELECT {REVENUE} FROM {SOLD} GROUP BY c.id ORDER BY 1 DESC")]
    share_of_the_top_tenth = sum(by_customer[: len(by_customer) // 10]) / sum(by_customer)
    assert 0.35 < share_of_the_top_tenth < 0.7
    by_segment = dict(rows(shop, f"SELECT segment, {REVENUE} / count(DISTINCT c.id) FROM {SOLD} GROUP BY 1"))
    assert by_segment["enterprise"] > by_segment["business"] > by_segment["consumer"]
    assert value(shop, "SELECT count(*) FROM customers WHERE id NOT IN (SELECT customer_id FROM orders)") > 0


def test_sales_follow_the_seasons(shop: sqlite3.Connection) -> None:
    by_month = dict(rows(shop, "SELECT CAST(substr(ordered_at, 6, 2) AS INT), count(*) FROM orders GROUP BY 1"))
    assert max(by_month, key=lambda month: by_month[month]) == 12
    in_garden = "sum(p.category = 'Garden') * 1.0 / count(*)"
    sold = "orders o JOIN order_items i ON i.order_id = o.id JOIN products p ON p.id = i.product_id"
    month = "CAST(substr(ordered_at, 6, 2) AS INT)"
    summer = value(shop, f"SELECT {in_garden} FROM {sold} WHERE {month} BETWEEN 4 AND 7")
    winter = value(shop, f"SELECT {in_garden} FROM {sold} WHERE {month} IN (11, 12, 1)")
    assert summer > 1.5 * winter


def test_categories_differ_in_price(shop: sqlite3.Connection) -> None:
    prices = dict(rows(shop, "SELECT category, avg(price) FROM products GROUP BY category"))
    assert len(prices) == 8
    assert prices["Furniture"] > 5 * prices["Stationery"]


def test_names_come_from_many_countries_and_are_unique_with_reserved_addresses(shop: sqlite3.Connection) -> None:
    assert value(shop, "SELECT count(DISTINCT country) FROM customers") == 12
    assert value(shop, "SELECT count(DISTINCT name) FROM customers") == 400
    odd = "SELECT email FROM customers WHERE email NOT LIKE '%_@_%.example' OR email GLOB '*[^a-z0-9@.-]*'"
    assert rows(shop, odd) == []


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "first.db", tmp_path / "second.db"
    create(first)
    create(second)
    assert first.read_bytes() == second.read_bytes()


def test_another_seed_gives_another_shop(tmp_path: Path) -> None:
    create(tmp_path / "seven.db")
    create(tmp_path / "eight.db", seed=8)
    assert content(tmp_path / "seven.db") != content(tmp_path / "eight.db")


def test_the_content_of_this_version_is_pinned(tmp_path: Path) -> None:
    create(tmp_path / "shop.db")
    # A change here without a new VERSION would leave existing files as they were.
    assert (VERSION, content(tmp_path / "shop.db")) == (
        1,
        "91c8afd6dc583a72b7dd1e6340588dae1e0c6556565d204bb7110e837c5cbf35",
    )


def test_a_current_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    rows_written = create(path).rows
    before = path.stat()
    again = create(path)
    assert (again.created, again.rows) == (False, rows_written)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_file_of_another_seed_or_version_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "shop.db"
    create(path, seed=8)
    assert create(path).created
    wanted = content(path)
    monkeypatch.setattr(sample_database, "VERSION", VERSION + 1)
    assert create(path).created
    assert content(path) == wanted


@pytest.mark.parametrize("content", [b"", b"notes", b"x" * 200], ids=["empty", "short", "long"])
def test_a_foreign_file_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "shop.db"
    path.write_bytes(content)
    with pytest.raises(FileExistsError, match="not a sample database"):
        create(path)
    assert path.read_bytes() == content


def test_a_foreign_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "books.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE ledger (id INTEGER PRIMARY KEY)")
    with pytest.raises(FileExistsError, match="not a sample database"):
        create(path)
    with closing(sqlite3.connect(path)) as connection:
        assert value(connection, "SELECT count(*) FROM ledger") == 0


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "shop.db"
    create(path, seed=8)
    before = path.read_bytes()
    monkeypatch.setattr(sample_database, "_SCHEMA", sample_database._SCHEMA.replace("TABLE returns", "TABLE refunds"))
    with pytest.raises(sqlite3.OperationalError, match="no such table: returns"):
        create(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_creation_takes_less_than_a_second_of_processor_time(tmp_path: Path) -> None:
    began = time.process_time()
    create(tmp_path / "shop.db")
    assert time.process_time() - began < 1

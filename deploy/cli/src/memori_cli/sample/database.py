"""The shop as a SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from zlib import crc32

from memori_cli.sample.rows import Shop, generate

VERSION = 1  # raise it with every change of the schema or of the rows, so that existing files are replaced
_APPLICATION_ID = 0x4D454D53  # "MEMS" in SQLite's header: this file is ours to replace

# SQLite has no COMMENT ON; it keeps the text of a CREATE TABLE with the comments inside.
_SCHEMA = """
CREATE TABLE customers (
  -- People and companies who have an account. Not all of them have ordered.
  id            INTEGER PRIMARY KEY,
  name          TEXT NOT NULL,
  email         TEXT NOT NULL UNIQUE,
  country       TEXT NOT NULL, -- English name of the country
  segment       TEXT NOT NULL CHECK (segment IN ('consumer', 'business', 'enterprise')),
  signed_up_on  DATE NOT NULL
);
CREATE TABLE products (
  -- What the shop sells.
  id        INTEGER PRIMARY KEY,
  name      TEXT NOT NULL UNIQUE,
  category  TEXT NOT NULL,
  price     NUMERIC(10, 2) NOT NULL CHECK (price > 0) -- today's price in euros
);
CREATE TABLE orders (
  -- One checkout by one customer. The amounts are in order_items.
  id           INTEGER PRIMARY KEY,
  customer_id  INTEGER NOT NULL REFERENCES customers (id),
  -- pending: not paid yet; paid: not shipped yet, or taken home from a store; cancelled, refunded: no revenue
  status       TEXT NOT NULL CHECK (status IN ('pending', 'paid', 'shipped', 'cancelled', 'refunded')),
  channel      TEXT NOT NULL CHECK (channel IN ('web', 'mobile', 'store', 'phone')),
  ordered_at   TIMESTAMP NOT NULL -- UTC
);
CREATE TABLE order_items (
  -- The lines of an order. Revenue of a line: quantity * unit_price * (1 - discount).
  id          INTEGER PRIMARY KEY,
  order_id    INTEGER NOT NULL REFERENCES orders (id),
  product_id  INTEGER NOT NULL REFERENCES products (id),
  quantity    INTEGER NOT NULL CHECK (quantity > 0),
  unit_price  NUMERIC(10, 2) NOT NULL, -- euros, at the time of the order, before the discount
  discount    NUMERIC(3, 2) NOT NULL CHECK (discount >= 0 AND discount < 1), -- a fraction: 0.10 is ten percent
  UNIQUE (order_id, product_id)
);
CREATE TABLE returns (
  -- Goods that came back: all lines of a refunded order, and parts of delivered ones.
  id             INTEGER PRIMARY KEY,
  order_item_id  INTEGER NOT NULL UNIQUE REFERENCES order_items (id),
  quantity       INTEGER NOT NULL CHECK (quantity > 0),
  reason         TEXT NOT NULL,
  returned_on    DATE NOT NULL
);
CREATE INDEX orders_by_customer ON orders (customer_id);
CREATE INDEX orders_by_time ON orders (ordered_at);
CREATE INDEX order_items_by_product ON order_items (product_id);
"""


@dataclass(frozen=True, slots=True)
class Summary:
    """The sample database at `path`: how many `rows` each table has, and whether this call wrote them."""

    path: Path
    rows: Mapping[str, int]
    created: bool


def create(path: Path, *, seed: int = 7) -> Summary:
    """Writes the shop of `seed` to `path`, whole or not at all, in less than a second.

    A file of the same version and seed is kept, and one of another version or seed is replaced. Any other file is left
    alone: FileExistsError.
    """
    if path.exists():
        application_id, content_id = _header(path)
        if application_id != _APPLICATION_ID:
            raise FileExistsError(f"{path} exists and is not a sample database; choose another path")
        if content_id == _content_id(seed):
            return Summary(path, _count(path), created=False)
    shop = generate(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        unfinished = Path(folder) / path.name
        _write(unfinished, shop, seed)
        unfinished.replace(path)
    return Summary(path, {table: len(rows) for table, rows in shop._asdict().items()}, created=True)


def _content_id(seed: int) -> int:
    """Names the version and the seed in the 31 bits of SQLite's `user_version`."""
    return crc32(f"{VERSION}:{seed}".encode()) & 0x7FFF_FFFF


def _header(path: Path) -> tuple[int, int]:
    """`application_id` and `user_version` of a SQLite file; (0, 0) of any other (https://sqlite.org/fileformat2.html)."""
    with path.open("rb") as file:
        header = file.read(100)
    if len(header) < 100 or not header.startswith(b"SQLite format 3\0"):
        return 0, 0
    return int.from_bytes(header[68:72]), int.from_bytes(header[60:64])


def _write(path: Path, shop: Shop, seed: int) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(_SCHEMA)
        connection.execute("PRAGMA foreign_keys = ON")
        with connection:
            for table, rows in shop._asdict().items():
                places = ", ".join("?" * len(rows[0]))
                connection.executemany(f"INSERT INTO {table} VALUES ({places})", rows)  # noqa: S608 - our own names
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {_content_id(seed)}")


def _count(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(path)) as connection:
        counts = (connection.execute(f"SELECT count(*) FROM {table}").fetchone() for table in Shop._fields)  # noqa: S608
        return {table: count for table, (count,) in zip(Shop._fields, counts, strict=True)}

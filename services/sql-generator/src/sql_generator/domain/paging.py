"""A schema in pages that fit a message."""

from collections.abc import Sequence
from typing import Final

from contracts.sql_generator import Table

PAGE_BYTES: Final = 384 * 1024
"""Leaves room in a message of 512 KiB for everything around the tables."""


def tables_from(tables: Sequence[Table], offset: int, budget: int = PAGE_BYTES) -> tuple[tuple[Table, ...], int | None]:
    """The tables from `offset` on whose JSON fits `budget` bytes, and the offset of the next page if there is one.

    A single table that is larger is given without its comments and samples: its columns matter most.
    """
    page: list[Table] = []
    room = budget
    for table in tables[offset:]:
        size = len(table.model_dump_json().encode())
        if size > budget:
            bare = tuple(column.model_copy(update={"samples": (), "comment": ""}) for column in table.columns)
            table = table.model_copy(update={"columns": bare, "comment": ""})  # noqa: PLW2901
            size = len(table.model_dump_json().encode())
        if page and size > room:
            return tuple(page), offset + len(page)
        page.append(table)
        room -= size
    return tuple(page), None

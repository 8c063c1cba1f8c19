"""Rows gathered up to the caps of a statement. Standard library only, as its package says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

from sql_generator.sources import Limits, StatementFailed

if TYPE_CHECKING:
    from pydantic import JsonValue

MAX_NAME = 255


class CappedRows:
    """Collects rows of JSON values while they fit.

    The names and types of the columns count too. The size of a row is that of its compact JSON in UTF-8.
    """

    def __init__(self, columns: list[tuple[str, str]], limits: Limits) -> None:
        self.rows: list[list[JsonValue]] = []
        self.truncated_by: Literal["rows", "bytes"] | None = None
        self._room = limits.bytes - sum(len(json.dumps(column)) + 16 for column in columns)
        self._max_rows = limits.rows
        self._max_bytes = self._room
        if self._room < 0:
            raise StatementFailed(f"the {len(columns)} columns do not fit a result of {limits.bytes} bytes")

    def add(self, row: list[JsonValue]) -> bool:
        """Keep the row if it fits; false once a cap was reached, and nothing is kept from then on."""
        if self.truncated_by is None:
            size = len(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode(errors="replace"))
            if len(self.rows) >= self._max_rows:
                self.truncated_by = "rows"
            elif size > self._room:
                self.truncated_by = "bytes"
            else:
                self.rows.append(row)
                self._room -= size
        return self.truncated_by is None

    def expected_more(self) -> int:
        """How many further rows should reach a cap, by the average size so far; at least 1."""
        by_rows = self._max_rows - len(self.rows) + 1
        if not self.rows:
            return by_rows
        average = max(1.0, (self._max_bytes - self._room) / len(self.rows))
        return max(1, min(by_rows, int(self._room / average) + 1))

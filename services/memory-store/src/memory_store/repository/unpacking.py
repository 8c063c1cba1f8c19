"""Signals as Postgres sends them: packed, an array a column."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from typing import Any

import numpy as np
from sqlalchemy import Row

from memory_store.domain.bm25 import Collection, Postings, bm25, places
from memory_store.domain.signals import Cosines, Floats, Numbers, Signals, episodes

_POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECONDS = 1e6
_SECONDS_A_DAY = 86_400.0
_UUID_BYTES = 16


def unpacked(
    rows: Sequence[Row[Any]],
    thresholds: Sequence[float],
    *,
    collection: Collection | None = None,
    spreads: Sequence[tuple[float, float]] = (),
    counts: dict[str, int] | None = None,
) -> Signals:
    """The signals in the rows of a search statement; `thresholds` are those of its models.

    Where the rows are of some memories only, `collection`, `spreads` (mean and deviation of the cosines by model) and
    `counts` (memories by term) say what all of them are like.
    """
    found = [row for row in rows if row.kind == "memories" and row.numbers]
    numbers = numbers_of(b"".join(row.numbers for row in found))
    seconds = np.frombuffer(b"".join(row.second for row in found), dtype=">i8") / _MICROSECONDS
    conversations = np.frombuffer(b"".join(row.third for row in found), dtype=f"S{_UUID_BYTES}")
    if collection is None:
        lengths = sum(row.mean_length * (len(row.numbers) // 8) for row in found)
        collection = Collection(len(numbers), lengths / len(numbers) if len(numbers) else 1.0)
    return Signals(
        numbers=numbers,
        models=[
            _cosines(numbers, threshold, [row for row in rows if row.kind == f"vectors_{place}"], spread)
            for place, (threshold, spread) in enumerate(zip_longest(thresholds, spreads))
        ],
        bm25=bm25(numbers, postings_of(rows, counts), collection),
        importances=np.frombuffer(b"".join(row.first for row in found), dtype=">f8"),
        ages_days=((datetime.now(UTC) - _POSTGRES_EPOCH) / timedelta(seconds=1) - seconds) / _SECONDS_A_DAY,
        episodes=episodes(conversations, seconds),
    )


def numbers_of(packed: bytes) -> Numbers:
    """The memory numbers in a run of 8 bytes each, as Postgres sends them."""
    return np.frombuffer(packed, dtype=">i8").astype(np.int64)


def floats_of(packed: bytes) -> Floats:
    """The numbers in a run of 4 bytes each."""
    return np.frombuffer(packed, dtype=">f4").astype(np.float64)


def postings_of(rows: Sequence[Row[Any]], counts: dict[str, int] | None) -> list[Postings]:
    """The postings in the rows of a statement, a term each; `counts` says in how many memories each is."""
    by_term: dict[str, list[Row[Any]]] = {}
    for row in rows:
        if row.kind == "terms":
            by_term.setdefault(row.name, []).append(row)
    return [
        Postings(
            numbers_of(b"".join(row.numbers for row in parts)),
            np.frombuffer(b"".join(row.first for row in parts), dtype=">i4"),
            np.frombuffer(b"".join(row.second for row in parts), dtype=">i4"),
            counts[term] if counts is not None else None,
        )
        for term, parts in by_term.items()
    ]


def _cosines(
    numbers: Numbers, threshold: float, rows: Sequence[Row[Any]], spread: tuple[float, float] | None
) -> Cosines:
    of, values = best_pieces(
        numbers_of(b"".join(row.numbers or b"" for row in rows)),
        floats_of(b"".join(row.first or b"" for row in rows)),
    )
    cosines = np.full(len(numbers), np.nan)
    positions, inside = places(numbers, of)
    cosines[positions] = values[inside]
    mean, deviation = spread or _spread(values)
    return Cosines(cosines, mean, deviation, threshold)


def _spread(values: Floats) -> tuple[float, float]:
    return (float(values.mean()), float(values.std())) if len(values) else (0.0, 0.0)


def best_pieces(numbers: Numbers, values: Floats) -> tuple[Numbers, Floats]:
    """Each number once, with its highest value: the best piece speaks for a long memory. In the order of numbers."""
    order = np.argsort(numbers, kind="stable")
    numbers, values = numbers[order], values[order]
    if len(numbers) < 2 or (firsts := np.flatnonzero(np.diff(numbers, prepend=-1))).size == len(numbers):
        return numbers, values
    return numbers[firsts], np.maximum.reduceat(values, firsts)

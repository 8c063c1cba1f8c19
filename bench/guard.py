"""CPU milliseconds that the guard takes a statement, over its own lists. Run it with `.venv/bin/python bench/guard.py`."""

import time
from statistics import quantiles
from typing import get_args

from memori_testing.statements import read
from sql_guard import Dialect, check


def main() -> None:
    print("| dialect | statements | p50 | p95 | slowest |\n|---|---|---|---|---|")
    for dialect in get_args(Dialect):
        for name in ("legit", "attacks"):
            # An attack by size alone is another matter.
            taken = sorted(_milliseconds(sql, dialect) for sql in read(name, dialect) if len(sql) < 2_000)
            cuts = quantiles(taken, n=100)
            print(f"| {dialect} | {len(taken)} {name} | {cuts[49]:.1f} | {cuts[94]:.1f} | {taken[-1]:.1f} |")


def _milliseconds(sql: str, dialect: Dialect) -> float:
    check(sql, dialect)
    started = time.process_time()
    check(sql, dialect)
    return (time.process_time() - started) * 1_000


if __name__ == "__main__":
    main()

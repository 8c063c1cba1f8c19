"""Requests under way at once."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Self, TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Clients:
    """Threads that each have one request under way; the first failure or an interrupt stops all."""

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count)
        self.stopped = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self._pool.shutdown(cancel_futures=True)

    def map(self, task: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
        """The results in the order of the items."""
        return list(self._pool.map(task, items))

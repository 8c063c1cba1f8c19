"""One stream from many services."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TextIO


class MergedOutput:
    """A file and a function that both get every line, one at a time, from any thread.

    The function is dropped when it raises OSError.
    """

    def __init__(self, sink: Callable[[str, str], None] | None, log_file: Path | None) -> None:
        self._sink = sink
        self._log_file = log_file
        self._log: TextIO | None = None
        self._lock = threading.Lock()

    def write(self, name: str, line: str) -> None:
        """Hand on one line; in the file it is `name | line`."""
        with self._lock:
            if self._log_file is not None:
                if self._log is None:
                    self._log = self._log_file.open("a", encoding="utf-8", buffering=1)
                self._log.write(f"{name} | {line}\n")
            if self._sink is not None:
                try:
                    self._sink(name, line)
                except OSError:
                    # A closed terminal or pipe. The services must not stop because nobody watches.
                    self._sink = None

    def close(self) -> None:
        """Close the file; the next line opens it again."""
        with self._lock:
            if self._log is not None:
                self._log.close()
                self._log = None

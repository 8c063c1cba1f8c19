"""When work that is done again and again is done next."""

import asyncio
from contextlib import suppress


class Rounds:
    """A round every so many seconds, and one at once whenever it is asked for."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Have the next round begin now, or when the one that is under way is over."""
        self._asked.set()

    async def next(self) -> None:
        """Wait until the next round begins."""
        heed_cancellation()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._seconds):
                await self._asked.wait()
        self._asked.clear()


def heed_cancellation() -> None:
    """Raise CancelledError when this task was cancelled and what it awaited then did not pass that on.

    In Python 3.11 `asyncio.wait_for`, with which nats-py waits for replies, returns a reply that came at that moment;
    endless work would then go on for ever.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError

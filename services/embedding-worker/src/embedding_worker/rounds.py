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
        with suppress(TimeoutError):
            async with asyncio.timeout(self._seconds):
                await self._asked.wait()
        self._asked.clear()

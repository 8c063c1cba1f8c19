"""A subscriber as any service could write it: nats-py and JSON, nothing of ours."""

import asyncio
import json
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import nats


class Subscriber:
    """Receives `memory.created` on a thread of its own and calls back with each event."""

    def __init__(self, url: str, received: Callable[[dict[str, Any]], None]) -> None:
        self._url = url
        self._received = received
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._done = asyncio.Event()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._run()), daemon=True)

    async def _run(self) -> None:
        client = await nats.connect(self._url, inbox_prefix=b"_INBOX.subscriber")

        async def show(message: Any) -> None:
            self._received(json.loads(message.data))

        await client.subscribe("memory.created", cb=show)
        await client.flush()
        self._ready.set()
        await self._done.wait()
        await client.close()

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(10):
            raise TimeoutError("the subscriber could not connect")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join(5)

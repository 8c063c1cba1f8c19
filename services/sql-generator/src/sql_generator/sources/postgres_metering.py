"""What a PostgreSQL server sends, looked at before asyncpg reads it.

asyncpg reads a message of length zero again and again, which stops the whole process, and gathers a row before it hands
it over, so that a single value of 1 GB would fill our memory.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

_HEADER_BYTES: Final = 5
_LEAST_LENGTH: Final = 4  # the length counts itself


class ByteMeter(asyncio.Protocol):
    """Between a transport and asyncpg: counts what arrives, and cuts the connection at too much, or at no message."""

    def __init__(self, inner: Any, limit: int) -> None:
        self.inner = inner
        self.received = 0
        self.exceeded = False
        self._limit = limit
        self._header = b""
        self._unread = 0
        self._transport: Any = None

    def attach(self, transport: Any) -> None:
        """Where it is put between a transport and a protocol that know each other already."""
        self._transport = transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.attach(transport)
        self.inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        self.exceeded = self.received > self._limit
        if self.exceeded or not self._is_well_framed(data):
            self._transport.abort()
        else:
            self.inner.data_received(data)

    def eof_received(self) -> bool | None:
        ends: bool | None = self.inner.eof_received()
        return ends

    def connection_lost(self, exc: Exception | None) -> None:
        self.inner.connection_lost(exc)

    def pause_writing(self) -> None:
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        self.inner.resume_writing()

    def _is_well_framed(self, data: bytes) -> bool:
        """Whether what arrives goes on as messages do: a type, a length, as many bytes."""
        position = 0
        while position < len(data):
            if self._unread:
                step = min(self._unread, len(data) - position)
                self._unread -= step
                position += step
                continue
            part = data[position : position + _HEADER_BYTES - len(self._header)]
            self._header += part
            position += len(part)
            if len(self._header) == _HEADER_BYTES:
                length = int.from_bytes(self._header[1:], signed=True)
                if not self._header[0] or length < _LEAST_LENGTH:
                    return False
                self._unread = length - _LEAST_LENGTH
                self._header = b""
        return True


class MeteredLoop:
    """The running loop as asyncpg is to see it, which has no other way in: each connection it makes is metered.

    `meter` is that of the connection made last, by the time `asyncpg.connect` returns.
    """

    meter: ByteMeter

    def __init__(self, limit: int, *, tls: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self._limit = limit
        self._tls = tls

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    async def create_connection(self, factory: Callable[[], Any], *address: Any) -> tuple[Any, Any]:
        if self._tls:  # only one byte is read before `start_tls`
            return await self._loop.create_connection(factory, *address)
        transport, meter = await self._loop.create_connection(lambda: self.metered(factory()), *address)
        return transport, meter.inner

    async def create_unix_connection(self, factory: Callable[[], Any], path: str) -> tuple[Any, Any]:
        transport, meter = await self._loop.create_unix_connection(lambda: self.metered(factory()), path)
        return transport, meter.inner

    async def start_tls(self, *arguments: Any, **options: Any) -> Any:
        transport = await self._loop.start_tls(*arguments, **options)
        return _MeteredTransport(transport, self) if transport is not None else None

    def metered(self, inner: Any) -> ByteMeter:
        self.meter = ByteMeter(inner, self._limit)
        return self.meter


class _MeteredTransport:
    """A transport that meters the protocol it is given later."""

    def __init__(self, transport: Any, loop: MeteredLoop) -> None:
        self._transport = transport
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def set_protocol(self, protocol: Any) -> None:
        meter = self._loop.metered(protocol)
        meter.attach(self._transport)
        self._transport.set_protocol(meter)

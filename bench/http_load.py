"""A load generator that costs little of the two cores it shares: HTTP/1.1 over asyncio streams, keep-alive."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Load:
    """What a load came to; times in seconds."""

    requests: int
    seconds: float
    latencies: list[float]

    @property
    def rate(self) -> float:
        return self.requests / self.seconds

    def percentile(self, p: float) -> float:
        """The latency below which a share `p` of the requests stayed, in milliseconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(p * len(ordered)))] * 1000


async def run(base_url: str, requests: Sequence[tuple[str, str, dict]], *, clients: int) -> Load:
    """Send (user, path, body) as POST requests from so many clients at once, each on its own connection.

    Raises AssertionError when an answer is not 2xx.
    """
    parts = urlsplit(base_url)
    queue = iter(requests)
    latencies: list[float] = []

    async def client() -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        for user, path, body in queue:
            payload = json.dumps(body).encode()
            head = (
                f"POST {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nX-User-Id: {user}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(payload)}\r\n\r\n"
            )
            started = time.perf_counter()
            writer.write(head.encode() + payload)
            answer = await reader.readuntil(b"\r\n\r\n")
            status, *lines = answer.decode().split("\r\n")
            length = next(int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length"))
            content = await reader.readexactly(length)
            latencies.append(time.perf_counter() - started)
            assert status.split(" ")[1].startswith("2"), content
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return Load(len(latencies), time.perf_counter() - started, latencies)

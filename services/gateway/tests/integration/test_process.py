"""The gateway as a process, and what it does when NATS goes away."""

import json
import os
import signal
import subprocess
import sys
from queue import Queue
from threading import Thread

import httpx
import pytest

from contracts import memory_store
from contracts.memory_store import Memories
from memori_cli.local.nats import EmbeddedNats
from memori_cli.local.processes import free_port


@pytest.fixture
async def process(nats_server, eventually):
    """The running process, its URL and a queue of the log lines it goes on to write."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = os.environ | {
        "ENVIRONMENT": "production",
        "SECRET_KEY": "a key that is long enough for production",
        "NATS_URL": nats_server.url,
        "HTTP_PORT": str(port),
    }
    with subprocess.Popen(  # noqa: ASYNC220  # nothing else runs meanwhile
        [sys.executable, "-m", "gateway"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as started:
        lines: Queue[dict] = Queue()

        def read():
            for line in started.stdout:
                lines.put(json.loads(line))

        Thread(target=read, daemon=True).start()
        try:
            await eventually(lambda: httpx.get(f"{url}/healthz").is_success, timeout=20, ignore=(httpx.HTTPError,))
            yield started, url, lines
        finally:
            started.kill()


async def test_an_unexpected_failure_is_logged_with_the_request_id(process, services, token):
    started, url, lines = process

    async def odd(request, identity):
        return Memories(memories=())

    services.on(memory_store.CREATE, odd)
    async with httpx.AsyncClient(base_url=url, headers=token() | {"X-Request-Id": "find-me"}) as client:
        answer = await client.post("/api/memories", json={"content": "private words"})
    assert answer.status_code == 500
    while (line := lines.get(timeout=10))["event"] != "request_failed":
        pass
    assert line["request_id"] == "find-me"
    assert line["service"] == "gateway"
    assert "IndexError" in line["exception"]
    assert "private words" not in json.dumps(line)
    started.send_signal(signal.SIGTERM)
    assert started.wait(20) in {0, -signal.SIGTERM}


async def test_without_nats_it_says_so_at_once_and_recovers(start_gateway, token, eventually, server_folder):
    nats = EmbeddedNats(server_folder / "nats", durable=False)
    nats.start()
    try:
        with start_gateway(nats_url=nats.url) as url:
            async with httpx.AsyncClient(base_url=url, headers=token()) as client:
                nats.stop()

                async def is_away():
                    answer = await client.get("/api/rules")
                    assert (answer.status_code, answer.json()["detail"]) == (503, "messaging is away")
                    assert answer.elapsed.total_seconds() < 2

                await eventually(is_away)
                assert (await client.get("/readyz")).status_code == 503
                assert (await client.get("/healthz")).status_code == 200
                health = await client.get("/health/memori")
                assert health.status_code == 200
                assert health.json()["checks"]["nats"].startswith("unhealthy")

                nats.start()

                async def is_back():
                    assert (await client.get("/readyz")).status_code == 200

                await eventually(is_back, timeout=20)
    finally:
        nats.stop()

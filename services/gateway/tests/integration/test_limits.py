"""Bodies are refused by size before they are read, whether they say their size or not."""

import asyncio
import json
from urllib.parse import urlsplit

import pytest

MIB = 1024 * 1024


async def connect(url):
    parts = urlsplit(url)
    return await asyncio.open_connection(parts.hostname, parts.port)


def head(path, headers):
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {path} HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n{lines}\r\n".encode()


async def read_answer(reader):
    lines = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
    return int(lines[0].split()[1]), headers, json.loads(await reader.readexactly(int(headers["content-length"])))


@pytest.mark.parametrize(("path", "limit"), [("/api/memories", MIB), ("/api/memories/batch", 16 * MIB)])
async def test_a_body_that_says_it_is_too_large_is_refused_unread(gateway_url, token, path, limit):
    reader, writer = await connect(gateway_url)
    # Only the head is sent: an answer means that nobody waited for the body.
    writer.write(head(path, token() | {"Content-Length": limit + 1}))
    status, headers, document = await read_answer(reader)
    assert status == 413
    assert headers["content-type"] == "application/problem+json"
    assert document["type"] == "too-large"
    assert str(limit) in document["detail"]
    writer.close()


async def test_a_chunked_body_is_refused_once_it_has_grown_too_large(gateway_url, token):
    reader, writer = await connect(gateway_url)
    writer.write(head("/api/memories", token() | {"Transfer-Encoding": "chunked"}))
    chunk = b"x" * 65_536
    # The body never ends: an answer means that it was refused while it grew.
    for _ in range(MIB // len(chunk) + 1):
        writer.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        await writer.drain()
    status, _, document = await read_answer(reader)
    assert status == 413
    assert document["type"] == "too-large"
    writer.close()


async def test_a_body_of_five_megabytes_gets_its_answer(ada):
    answer = await ada.post("/api/memories", json={"content": "x" * 5_000_000})
    assert answer.status_code == 413
    assert answer.json()["type"] == "too-large"
    assert (await ada.post("/api/memories", json={"content": "fine"})).status_code == 201


async def test_a_body_just_under_the_limit_is_read(ada):
    body = json.dumps({"content": "x", "metadata": {"a": "x" * 400_000}})
    answer = await ada.post("/api/memories", content=body.ljust(MIB), headers={"Content-Type": "application/json"})
    assert answer.status_code == 201


async def test_a_memory_too_large_for_one_message_is_refused(ada, services):
    large = {"content": "x", "metadata": {"a": "x" * 600_000}}
    alone = await ada.post("/api/memories", json=large)
    assert alone.status_code == 413
    in_batch = await ada.post("/api/memories/batch", json={"memories": [{"content": "x"}, large]})
    assert in_batch.status_code == 413
    assert in_batch.json()["errors"][0]["field"] == "memories.1"
    assert services.requests == []

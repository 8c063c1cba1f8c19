"""Requests over HTTP that are tried again while the API is away or overloaded."""

import copy
import json
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import httpx

from memori_client.errors import MemoriError, MemoriUnavailable

_RETRIED = frozenset({429, 502, 503, 504})
_TRIES = 3
_LONGEST_WAIT_SECONDS = 5.0
_LONGEST_WORTH_TRYING_SECONDS = 60


class Transport:
    """One user's requests to one API; copies made by `with_header` share the connections.

    Args:
        base_url: where the gateway answers.
        headers: sent with every request, as UTF-8.
        timeout: seconds to wait for one answer.
    """

    def __init__(self, base_url: str, headers: Mapping[str, str], timeout: float) -> None:
        self._headers = _encoded(headers)
        self._http = httpx.Client(base_url=base_url, timeout=timeout)

    def with_header(self, name: str, value: str) -> Self:
        """The same connections with a header that is set, or set to something else."""
        other = copy.copy(self)
        other._headers = self._headers | _encoded({name: value})  # noqa: SLF001  # of this class
        return other

    def send(
        self,
        verb: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> httpx.Response:
        """The successful answer; query parameters that are None are left out, sequences are repeated.

        Raises:
            MemoriError: the API answered with a problem.
            MemoriUnavailable: it was away or overloaded at the third try too.
        """
        given = {name: value for name, value in (params or {}).items() if value is not None}
        return self._tried(lambda: self._http.request(verb, path, json=body, params=given, headers=self._headers))

    def send_file(self, path: str, file: Path, fields: Mapping[str, str]) -> httpx.Response:
        """The successful answer to a form with a file, which is read as it is sent; raises what `send` does."""

        def attempt() -> httpx.Response:
            with file.open("rb") as content:
                form = {"file": (file.name, content)}
                return self._http.post(path, data=fields, files=form, headers=self._headers)

        return self._tried(attempt)

    def _tried(self, request: Callable[[], httpx.Response]) -> httpx.Response:
        for attempt in range(_TRIES):
            last = attempt == _TRIES - 1
            try:
                response = request()
            except httpx.TransportError as error:
                if last:
                    raise MemoriUnavailable(503, {"type": "unavailable", "title": type(error).__name__}) from error
                time.sleep(_wait(None, attempt))
                continue
            if response.is_success:
                return response
            if response.status_code not in _RETRIED:
                raise MemoriError(response.status_code, _problem(response))
            retry_after = _retry_after(response)
            if last or (retry_after or 0) > _LONGEST_WORTH_TRYING_SECONDS:
                raise MemoriUnavailable(response.status_code, _problem(response))
            time.sleep(_wait(retry_after, attempt))
        raise AssertionError("unreachable")

    def events(self, verb: str, path: str, body: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        """The server-sent events of an answer: their names and their data.

        Raises:
            MemoriError: the API answered with a problem instead.
            MemoriUnavailable: it cannot be reached, or the connection broke off.
        """
        headers = self._headers | _encoded({"Accept": "text/event-stream"})
        try:
            with self._http.stream(verb, path, json=body, headers=headers) as response:
                if not response.is_success:
                    response.read()
                    kind = MemoriUnavailable if response.status_code in _RETRIED else MemoriError
                    raise kind(response.status_code, _problem(response))
                yield from _events(response.iter_lines())
        except httpx.TransportError as error:
            raise MemoriUnavailable(503, {"type": "unavailable", "title": type(error).__name__}) from error

    def close(self) -> None:
        """Release the connections."""
        self._http.close()


def _encoded(headers: Mapping[str, str]) -> dict[bytes, bytes]:
    # httpx sends text as ASCII, and user ids need not be.
    return {name.encode(): value.encode() for name, value in headers.items()}


def _events(lines: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The events in the lines of a stream whose data are JSON objects, each on one line."""
    name = ""
    for line in lines:
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)


def _retry_after(response: httpx.Response) -> int | None:
    value = response.headers.get("Retry-After", "")
    return int(value) if value.isdecimal() and value.isascii() else None


def _wait(retry_after: int | None, attempt: int) -> float:
    asked = 0.25 * 2.0**attempt if retry_after is None else retry_after
    return min(asked, _LONGEST_WAIT_SECONDS) * random.uniform(0.8, 1.2)  # noqa: S311  # jitter, not a secret


def _problem(response: httpx.Response) -> dict[str, Any]:
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}

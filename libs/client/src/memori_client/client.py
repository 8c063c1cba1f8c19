"""The client: one method for each thing a user does; answers are the API's JSON."""

import copy
import random
import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx

from memori_client.errors import MemoriError, MemoriUnavailable

_RETRIED = frozenset({429, 502, 503, 504})
_TRIES = 3
_LONGEST_WAIT_SECONDS = 5.0


class Memori:
    """A user's view of Memori over HTTP.

    Every request that creates something carries an id made here, so that it can be tried again: up to three times
    when the API is away or overloaded, waiting as long as it asks for (at most 5 s). Not safe to share by threads
    that close it.

    Args:
        base_url: where the gateway answers.
        token: a bearer token. In development, `user_id` may say who asks instead.
        user_id: who asks; ignored by the API outside development.
        timeout: seconds to wait for one answer; questions may take as long as a language model does.
    """

    def __init__(
        self, base_url: str, *, token: str | None = None, user_id: str | None = None, timeout: float = 120.0
    ) -> None:
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        if user_id:
            self._headers["X-User-Id"] = user_id
        self._http = httpx.Client(base_url=base_url, timeout=timeout)

    def as_user(self, user_id: str) -> Self:
        """The same API as another user sees it, in development; shares the connections, so closing one closes both."""
        other = copy.copy(self)
        other._headers = self._headers | {"X-User-Id": user_id}  # noqa: SLF001  # of this class
        return other

    def remember(self, content: str, **fields: Any) -> dict[str, Any]:
        """Store a memory and return it; `fields` as in POST /api/memories (memory_type, context_tags, …)."""
        body = {"memory_id": str(uuid4()), "content": content, **fields}
        return self._json("POST", "/api/memories", body)

    def remember_all(self, memories: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Store up to 1,000 memories and return them in the same order; each as in POST /api/memories.

        A `memory_id` that is stored already is left as it is and returned as it is stored.
        """
        body = {"memories": [{"memory_id": str(uuid4()), **memory} for memory in memories]}
        return list(self._json("POST", "/api/memories/batch", body)["memories"])

    def open_conversation(self, title: str = "", **fields: Any) -> dict[str, Any]:
        """Open a conversation and return it; `fields` as in POST /api/conversations.

        A `conversation_id` that exists already is returned as it is.
        """
        body = {"conversation_id": str(uuid4()), "title": title, **fields}
        return self._json("POST", "/api/conversations", body)

    def search(self, query: str, **fields: Any) -> dict[str, Any]:
        """Find memories by meaning and by words: `{"results": [...], "total": n, "degraded": bool, ...}`."""
        return self._json("POST", "/api/memories/search", {"query": query, **fields})

    def memory(self, memory_id: str) -> dict[str, Any]:
        """One memory."""
        return self._json("GET", f"/api/memories/{memory_id}")

    def forget(self, memory_id: str) -> None:
        """Delete a memory."""
        self._json("DELETE", f"/api/memories/{memory_id}")

    def rules(self) -> list[dict[str, Any]]:
        """My rules, the highest priority first."""
        return list(self._json("GET", "/api/rules")["rules"])

    def connect(self, name: str, kind: str, connection: str) -> dict[str, Any]:
        """Register a database, read its schema, and return the data source."""
        body = {"data_source_id": str(uuid4()), "name": name, "kind": kind, "connection": connection}
        registered = self._json("POST", "/api/data-sources", body)
        return self._json("POST", f"/api/data-sources/{registered['data_source_id']}/sync")

    def data_sources(self) -> list[dict[str, Any]]:
        """My data sources, by name."""
        return list(self._json("GET", "/api/data-sources")["data_sources"])

    def ask(self, question: str, **fields: Any) -> dict[str, Any]:
        """The SQL for a question, what shaped it and, with `execute=True`, its result."""
        return self._json("POST", "/api/queries", {"query_id": str(uuid4()), "question": question, **fields})

    def execute(self, query_id: str) -> dict[str, Any]:
        """Run the SQL of a query."""
        return self._json("POST", f"/api/queries/{query_id}/execute")

    def close(self) -> None:
        """Release the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _json(self, verb: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        for attempt in range(_TRIES):
            last = attempt == _TRIES - 1
            try:
                response = self._http.request(verb, path, json=body, headers=self._headers)
            except httpx.TransportError as error:
                if last:
                    raise MemoriUnavailable(503, {"type": "unavailable", "title": type(error).__name__}) from error
                time.sleep(_wait(None, attempt))
                continue
            if response.is_success:
                return dict(response.json()) if response.content else {}
            if response.status_code not in _RETRIED:
                raise MemoriError(response.status_code, _problem(response))
            if last:
                raise MemoriUnavailable(response.status_code, _problem(response))
            time.sleep(_wait(response.headers.get("Retry-After"), attempt))
        raise AssertionError("unreachable")


def _wait(retry_after: str | None, attempt: int) -> float:
    asked = float(retry_after) if retry_after and retry_after.isdigit() else 0.25 * 2.0**attempt
    return min(asked, _LONGEST_WAIT_SECONDS) * random.uniform(0.8, 1.2)  # noqa: S311  # jitter, not a secret


def _problem(response: httpx.Response) -> dict[str, Any]:
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}

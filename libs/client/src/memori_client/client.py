"""The client: one method for each thing a user does; answers are the API's JSON."""

import copy
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from memori_client.errors import MemoriError
from memori_client.transport import Transport

_POLL_SECONDS = 0.25


class Memori:
    """A user's view of Memori over HTTP.

    Every request that creates something carries an id made here, so that it can be tried again: up to three times
    when the API is away or overloaded, waiting as long as it asks for (at most 5 s, and not at all where it asks for
    more than a minute). Lists are read page by page while they are iterated over; `limit` is the size of a page. Not
    safe to share by threads that close it.

    Args:
        base_url: where the gateway answers.
        token: a bearer token. In development, `user_id` may say who asks instead.
        user_id: who asks; ignored by the API outside development.
        process_id: which agent or app memories and messages come from, where they do not say so themselves.
        session_id: which run of it, likewise.
        timeout: seconds to wait for one answer; questions may take as long as a language model does.
    """

    def __init__(
        self,
        base_url: str,
        *,
        token: str | None = None,
        user_id: str | None = None,
        process_id: str | None = None,
        session_id: str | None = None,
        timeout: float = 120.0,
    ) -> None:
        headers = {
            "Authorization": f"Bearer {token}" if token else None,
            "X-User-Id": user_id,
            "X-Process-Id": process_id,
            "X-Session-Id": session_id,
        }
        self._transport = Transport(base_url, {name: value for name, value in headers.items() if value}, timeout)

    def as_user(self, user_id: str) -> Self:
        """The same API as another user sees it, in development; shares the connections, so closing one closes both."""
        other = copy.copy(self)
        other._transport = self._transport.with_header("X-User-Id", user_id)  # noqa: SLF001  # of this class
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

    def search(self, query: str, **fields: Any) -> dict[str, Any]:
        """Find memories by meaning and by words: `{"results": [...], "total": n, "degraded": bool, ...}`."""
        return self._json("POST", "/api/memories/search", {"query": query, **fields})

    def memories(self, **filters: Any) -> Iterator[dict[str, Any]]:
        """My memories, the newest first; `filters` as in GET /api/memories (memory_types, tags, process_id, …)."""
        return self._pages("/api/memories", "memories", filters)

    def memory(self, memory_id: str) -> dict[str, Any]:
        """One memory."""
        return self._json("GET", f"/api/memories/{memory_id}")

    def update(self, memory_id: str, **changes: Any) -> dict[str, Any]:
        """Change what is named (content, importance_score, context_tags, metadata, visibility); return the memory."""
        return self._json("PATCH", f"/api/memories/{memory_id}", changes)

    def forget(self, memory_id: str) -> None:
        """Delete a memory."""
        self._json("DELETE", f"/api/memories/{memory_id}")

    def history(self, memory_id: str) -> Iterator[dict[str, Any]]:
        """The versions of a memory and who or what made them, the newest first."""
        return self._pages(f"/api/memories/{memory_id}/history", "versions")

    def promote(self, memory_id: str) -> dict[str, Any]:
        """Make a short-term memory long-term and return it; a conflict (409) when it is not short-term (any more)."""
        return self._json("POST", f"/api/memories/{memory_id}/promote")

    def restore(self, memory_id: str) -> dict[str, Any]:
        """Undo the archiving, superseding or promotion of a memory and return it; a conflict (409) without any."""
        return self._json("POST", f"/api/memories/{memory_id}/restore")

    def statistics(self) -> dict[str, Any]:
        """My memories in numbers."""
        return self._json("GET", "/api/memories/statistics/summary")

    def archive(self, days_threshold: int = 30) -> dict[str, Any]:
        """Archive short-term memories older than this many days that matter little; says how many there were."""
        return self._json("POST", "/api/memories/maintenance/archive", params={"days_threshold": days_threshold})

    def open_conversation(self, title: str = "", **fields: Any) -> dict[str, Any]:
        """Open a conversation and return it; `fields` as in POST /api/conversations.

        A `conversation_id` that exists already is returned as it is.
        """
        body = {"conversation_id": str(uuid4()), "title": title, **fields}
        return self._json("POST", "/api/conversations", body)

    def conversations(self, **page: Any) -> Iterator[dict[str, Any]]:
        """My conversations, the most recently active first."""
        return self._pages("/api/conversations", "conversations", page)

    def conversation(self, conversation_id: str, *, include: str | None = None) -> dict[str, Any]:
        """One conversation; with `include="memories"` its newest memories too."""
        return self._json("GET", f"/api/conversations/{conversation_id}", params={"include": include})

    def update_conversation(self, conversation_id: str, **changes: Any) -> dict[str, Any]:
        """Change what is named (title, summary, metadata, is_active, data_source_id); return the conversation."""
        return self._json("PATCH", f"/api/conversations/{conversation_id}", changes)

    def forget_conversation(self, conversation_id: str) -> None:
        """Delete a conversation and its memories."""
        self._json("DELETE", f"/api/conversations/{conversation_id}")

    def say(self, conversation_id: str, role: str, content: str, **fields: Any) -> dict[str, Any]:
        """Append a turn to a conversation and return it; `fields` as in POST /api/conversations/{id}/messages."""
        turn = {"message_id": str(uuid4()), "role": role, "content": content, **fields}
        kept = self._json("POST", f"/api/conversations/{conversation_id}/messages", {"messages": [turn]})
        return dict(kept["messages"][0])

    def messages(self, conversation_id: str, **page: Any) -> Iterator[dict[str, Any]]:
        """The turns of a conversation, in the order they were appended."""
        return self._pages(f"/api/conversations/{conversation_id}/messages", "messages", page)

    def rules(self) -> list[dict[str, Any]]:
        """My rules, the highest priority first."""
        return list(self._pages("/api/rules", "rules"))

    def connect(self, name: str, kind: str, connection: str) -> dict[str, Any]:
        """Register a database, read its schema, and return the data source."""
        body = {"data_source_id": str(uuid4()), "name": name, "kind": kind, "connection": connection}
        registered = self._json("POST", "/api/data-sources", body)
        return self._json("POST", f"/api/data-sources/{registered['data_source_id']}/sync")

    def upload(self, path: str | Path, *, wait_seconds: float = 300.0) -> dict[str, Any]:
        """Upload a file (CSV, TSV, Parquet, XLSX, JSON, SQLite) and return it once it can be asked, or has failed.

        Its `file_id` is the id of its data source when its `status` is `ready`; `status_detail` says why it failed.
        After `wait_seconds` it is returned as it is then.
        """
        file = self._transport.send_file("/api/files", Path(path), {"file_id": str(uuid4())}).json()
        deadline = time.monotonic() + wait_seconds
        while file["status"] not in {"ready", "failed"} and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
            file = self._json("GET", f"/api/files/{file['file_id']}")
        return dict(file)

    def data_sources(self) -> list[dict[str, Any]]:
        """My data sources, by name."""
        return list(self._pages("/api/data-sources", "data_sources"))

    def recommend_sources(self, question: str, **fields: Any) -> dict[str, Any]:
        """Which of my data sources can answer a question, best first, and whether the first one is clearly meant."""
        return self._json("POST", "/api/data-sources/recommend", {"question": question, **fields})

    def ask(self, question: str, **fields: Any) -> dict[str, Any]:
        """The SQL for a question, what shaped it and, with `execute=True`, its result."""
        return self._json("POST", "/api/queries", {"query_id": str(uuid4()), "question": question, **fields})

    def recall(self, question: str, **fields: Any) -> dict[str, Any]:
        """What bears on a question, for a model of your own: `text` to paste into its prompt, and the parts of it.

        `fields` as in POST /api/recall (data_source_id, conversation_id, token_budget).
        """
        return self._json("POST", "/api/recall", {"question": question, **fields})

    def ask_stream(self, question: str, **fields: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        """As `ask`, telling how far it got: pairs of `"stage"` and the stage; the last is `"answer"` and the answer.

        Raises:
            MemoriError: there is no answer. Asking again with the same `query_id` does no work twice.
        """
        body = {"query_id": str(uuid4()), "question": question, **fields}
        for name, data in self._transport.events("POST", "/api/queries", body):
            if name == "problem":
                raise MemoriError(int(data.get("status", 500)), data)
            yield name, data

    def execute(self, query_id: str) -> dict[str, Any]:
        """Run the SQL of a query."""
        return self._json("POST", f"/api/queries/{query_id}/execute")

    def rate(self, query_id: str, **said: Any) -> dict[str, Any]:
        """Say how good an answer is, or what would have been right; as in POST /api/queries/{id}/feedback.

        Returns the query and, with `corrected_sql`, the answer that took its place.
        """
        return self._json("POST", f"/api/queries/{query_id}/feedback", said)

    def entities(self, **filters: Any) -> Iterator[dict[str, Any]]:
        """What the knowledge graph holds, the most mentioned first; `filters` as in GET /api/entities."""
        return self._pages("/api/entities", "entities", filters)

    def usage(self) -> dict[str, Any]:
        """What my questions cost this month, by model, and the budgets that apply to me."""
        return self._json("GET", "/api/usage")

    def export(self, path: str | Path | None = None) -> bytes:
        """Everything the API keeps of me, as the bytes of a ZIP file, which is also written to `path` when given."""
        archive = self._transport.send("GET", "/api/users/me/export").content
        if path is not None:
            Path(path).write_bytes(archive)
        return archive

    def erase(self) -> dict[str, Any]:
        """Erase everything the API keeps of me, for good, and return the receipt."""
        return self._json("DELETE", "/api/users/me/data")

    def close(self) -> None:
        """Release the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _json(
        self,
        verb: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        response = self._transport.send(verb, path, body, params)
        return dict(response.json()) if response.content else {}

    def _pages(self, path: str, items: str, params: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        asked = dict(params or {})
        while True:
            page = self._json("GET", path, params=asked)
            yield from page[items]
            asked["cursor"] = page.get("next_cursor")
            if asked["cursor"] is None:
                return

"""A local HTTP server that speaks the model providers' protocols, scripted answer by answer.

Point the real SDKs at it: `anthropic.Anthropic(base_url=server.url)`, `openai.OpenAI(base_url=server.url + "/v1")`.
It listens on the loopback interface only and takes any API key.
"""

from __future__ import annotations

import socket
import socketserver
import sys
import threading
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from json import loads
from types import TracebackType
from typing import Any, Self

from memori_testing.answers import Answer, Disconnect, Fault, Hang, Malformed, Request, Status, Text, ToolCall
from memori_testing.anthropic_messages import AnthropicMessages
from memori_testing.openai_chat import OpenAIChat, openai_error
from memori_testing.openai_embeddings import OpenAIEmbeddings, embedding
from memori_testing.protocol import Completions, Endpoint, encoded

__all__ = [
    "Answer",
    "Disconnect",
    "Fault",
    "Hang",
    "Malformed",
    "ModelServer",
    "Request",
    "Responder",
    "Status",
    "Text",
    "ToolCall",
    "embedding",
]

Responder = Callable[[Request], Answer | Fault | None]


class ModelServer:
    """Serves `/v1/messages`, `/v1/chat/completions` and `/v1/embeddings` while its `with` block runs.

    `respond` answers what nothing is queued for; without it completions get status 400. It runs on the connection's
    thread, so it may block. Embeddings have `dimensions` components and answer by themselves unless there is a fault
    for them, queued or from `respond`. With `caches_prompts` the usage in answers of the Messages API counts the tokens
    that its prompt cache would have read and written.
    """

    def __init__(
        self, respond: Responder | None = None, *, dimensions: int = 1536, caches_prompts: bool = False
    ) -> None:
        self.respond = respond
        self._queue: list[tuple[Answer | Fault, str | None]] = []
        self._requests: list[Request] = []
        self._lock = threading.Lock()
        self.embeddings = OpenAIEmbeddings(dimensions)
        self.completions: dict[str, Completions] = {
            "/v1/messages": AnthropicMessages(caches=caches_prompts),
            "/v1/chat/completions": OpenAIChat(),
        }
        self._http = _HTTPServer(self)

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.02,), name="model-server", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._http.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    @property
    def requests(self) -> list[Request]:
        """Every request so far, refused ones included, in the order of arrival."""
        with self._lock:
            return list(self._requests)

    def enqueue(self, *answers: Answer | Fault, path: str | None = None) -> None:
        """Scripts what comes next. A request takes the first entry that fits it: a `path` limits entries to requests
        for that path, and embeddings take faults only.
        """
        with self._lock:
            self._queue.extend((answer, path) for answer in answers)

    def record(self, request: Request) -> None:
        with self._lock:
            self._requests.append(request)

    def take(self, request: Request) -> Answer | Fault | None:
        """Removes and returns the first scripted entry that fits `request`."""
        completes = request.path in self.completions
        with self._lock:
            for position, (answer, path) in enumerate(self._queue):
                if path in (None, request.path) and (completes or isinstance(answer, Fault)):
                    del self._queue[position]
                    return answer
        return None


class _HTTPServer(ThreadingHTTPServer):
    request_queue_size = 128  # the default of 5 drops connections of a concurrent client

    def __init__(self, model: ModelServer) -> None:
        self.model = model
        self.closing = threading.Event()
        self._connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Connection)

    def server_bind(self) -> None:
        # HTTPServer would look up the host's name, which can take seconds where there is no name server.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.socket.getsockname()[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client that timed out has left: no fault of ours
            super().handle_error(request, client_address)

    def close(self) -> None:
        """Ends every connection, idle and hanging ones too, and frees the port."""
        self.closing.set()
        self.shutdown()
        for connection in list(self._connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:  # its thread closed it meanwhile
                continue
        self.server_close()


class _Connection(BaseHTTPRequestHandler):
    server: _HTTPServer
    protocol_version = "HTTP/1.1"  # keep-alive, as the SDKs expect it
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers.get("content-length", 0)))
        try:
            body = loads(content)
        except ValueError:
            body = None
        request = Request(
            method=self.command,
            path=self.path.partition("?")[0],
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body if isinstance(body, dict) else {},
        )
        model = self.server.model
        model.record(request)
        if (completions := model.completions.get(request.path)) is not None:
            self._complete(completions, request)
        elif request.path == "/v1/embeddings":
            self._embed(model.embeddings, request)
        else:
            self._send_json(404, openai_error(404, f"no such endpoint: {request.path}"))

    def _complete(self, endpoint: Completions, request: Request) -> None:
        if complaint := endpoint.invalid(request):
            return self._send_json(400, endpoint.error(400, complaint))
        model = self.server.model
        answer = model.take(request)
        if answer is None and model.respond is not None:
            answer = model.respond(request)
        if answer is None:
            return self._send_json(400, endpoint.error(400, "no answer is scripted for this request"))
        if isinstance(answer, Fault):
            return self._fail(endpoint, request, answer)
        if request.streams:
            return self._send_events(endpoint.stream(request, answer))
        return self._send_json(200, endpoint.document(request, answer))

    def _embed(self, endpoint: OpenAIEmbeddings, request: Request) -> None:
        if complaint := endpoint.invalid(request):
            return self._send_json(400, endpoint.error(400, complaint))
        model = self.server.model
        fault = model.take(request)
        if fault is None and model.respond is not None:
            fault = model.respond(request)
        if isinstance(fault, Fault):
            return self._fail(endpoint, request, fault)
        return self._send_json(200, endpoint.document(request))

    def _fail(self, endpoint: Endpoint, request: Request, fault: Fault) -> None:
        match fault:
            case Status(code, retry_after, body):
                headers = {} if retry_after is None else {"retry-after": f"{retry_after:g}"}
                self._send_json(
                    code, endpoint.error(code, f"scripted status {code}") if body is None else body, headers
                )
            case Malformed(body):
                self._send(200, body, "text/event-stream" if request.streams else "application/json", {})
            case Hang(seconds):
                self.server.closing.wait(seconds)
                self.close_connection = True
            case Disconnect():
                self.close_connection = True

    def _send_json(self, code: int, document: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        self._send(code, encoded(document).encode(), "application/json", headers or {})

    def _send(self, code: int, body: bytes, content_type: str, headers: dict[str, str]) -> None:
        self.send_response(code)
        for name, value in {**headers, "content-type": content_type, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _send_events(self, events: Iterable[bytes]) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for event in events:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the overridden parameter
        """Tests read `ModelServer.requests`; an access log would only hide their output."""

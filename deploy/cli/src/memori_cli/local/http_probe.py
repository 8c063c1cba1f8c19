"""One look at a health URL on this machine."""

import http.client
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Answer:
    """What the URL answered; status 0 when nothing answered, and then `text` says why."""

    status: int
    text: str

    @property
    def ok(self) -> bool:
        return self.status == 200


def probe(url: str, *, timeout: float = 1.0) -> Answer:
    """GET an http URL, past any proxy settings, within `timeout` seconds for each wait on the socket."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=timeout)
    try:
        connection.request("GET", parts._replace(scheme="", netloc="").geturl() or "/")
        response = connection.getresponse()
        return Answer(response.status, response.read(10_000).decode(errors="replace"))
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, f"no answer ({type(error).__name__})")
    finally:
        connection.close()

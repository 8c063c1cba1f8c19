"""Connection URLs of database servers, read strictly: an unknown parameter is refused rather than passed on.

Every refusal is a `ConnectionRejected` whose detail never quotes the URL, since any part of it may be a password that
was not escaped.
"""

from collections.abc import Collection
from typing import Literal, TypeAlias, get_args
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from sql_generator.sources import ConnectionRejected

SslMode: TypeAlias = Literal["disable", "prefer", "require", "verify-ca", "verify-full"]
SSL_MODES: tuple[SslMode, ...] = get_args(SslMode)
_LEAST_PASSWORD_CHARS = 4


def split_url(url: str, *, schemes: Collection[str], parameters: Collection[str]) -> tuple[SplitResult, dict[str, str]]:
    """The parts of a URL and its query; a scheme may name a driver, as in `postgresql+asyncpg`.

    `schemes` are those that are understood, the one to advise first.
    """
    try:
        parts = urlsplit(url.strip())
        _ = parts.port
        query = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        # The message of urllib may quote the part that holds the password.
        raise ConnectionRejected("connection: not a valid URL (is a character in the password unescaped?)") from None
    if parts.scheme.partition("+")[0] not in schemes:
        raise ConnectionRejected(f"connection: must start with {next(iter(schemes))}://")
    if parts.fragment:
        raise ConnectionRejected("connection: has an unescaped # (write it as %23)")
    if query.keys() - set(parameters):
        # Its name is not quoted: after an unescaped ? in the password it is a part of it.
        supported = ", ".join(sorted(parameters))
        raise ConnectionRejected(f"connection: has a parameter that is not supported (supported are {supported})")
    return parts, query


def checked_host(host: str) -> str:
    """The host, of which there must be one."""
    if not host:
        raise ConnectionRejected("connection: names no host")
    if "," in host:
        raise ConnectionRejected("connection: must name one host")
    return host


def checked_user(user: str) -> str:
    """The user, whom there must be."""
    if not user:
        raise ConnectionRejected("connection: names no user")
    return user


def unquoted(text: str | None) -> str:
    """A part of a URL without its percent-encoding; empty where there is none."""
    return unquote(text or "")


def without_password(message: str, password: str) -> str:
    """A server's message with the password blotted out, should it hold it."""
    # Shorter ones occur in any message: to blot them out would only show which letters they are.
    return message.replace(password, "***") if len(password) >= _LEAST_PASSWORD_CHARS else message

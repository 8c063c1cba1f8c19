"""TLS to a database server: the address that was checked is connected to, the certificate is the host name's."""

import ssl
from collections.abc import Sequence
from typing import Any

from sql_generator.sources.server_url import SslMode


class _NamedContext(ssl.SSLContext):
    """A client context that checks the certificate against the host's name although an address is connected to."""

    server_name: str

    def wrap_bio(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, **options: Any) -> ssl.SSLObject:  # type: ignore[override]
        return super().wrap_bio(incoming, outgoing, **{**options, "server_hostname": self.server_name})


def tls_context(host: str, sslmode: SslMode, *, alpn: Sequence[str] = ()) -> ssl.SSLContext:
    """A context for connections to `host`; only the verifying modes look at the server's certificate."""
    context = _NamedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.server_name = host
    context.check_hostname = sslmode == "verify-full"
    if sslmode in {"verify-ca", "verify-full"}:
        context.load_default_certs()
    else:
        context.verify_mode = ssl.CERT_NONE
    if alpn and ssl.HAS_ALPN:
        context.set_alpn_protocols(list(alpn))
    return context

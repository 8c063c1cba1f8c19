"""Which hosts may be connected to: a registered data source must not become a way into the network around us."""

import asyncio
import socket
from collections.abc import Sequence
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from sql_generator.sources import ConnectionRejected, SourceUnreachable

_NEVER = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",  # unspecified; Linux connects it to the loopback interface
        "169.254.0.0/16",  # link-local, and the metadata service of most clouds
        "100.100.100.200/32",  # metadata: Alibaba Cloud
        "168.63.129.16/32",  # the host agent of Azure
        "192.0.0.0/24",  # protocol assignments; metadata of Oracle Cloud
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "::/128",
        "fe80::/10",
        "fd00:ec2::254/128",  # metadata: AWS
        "fd20:ce::254/128",  # metadata: Google Cloud
        "ff00::/8",
    )
)
_NAT64 = ip_network("64:ff9b::/96")


async def permitted_addresses(
    host: str, port: int, patterns: Sequence[str], *, public_only: bool = False
) -> tuple[str, ...]:
    """The addresses of a host, every one of them checked; connect to these, never to the name again.

    `patterns` are globs on the host's name (`*.example.com`) or networks that every address must be in
    (`10.0.0.0/8`); with none, every host is permitted, or with `public_only` those whose addresses are all of the
    Internet. Link-local, metadata, multicast and unspecified addresses never are. Raises `ConnectionRejected`, or
    `SourceUnreachable` where the name does not resolve.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        raise SourceUnreachable("the host name does not resolve") from None
    addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
    parsed = [ip_address(address) for address in addresses]
    if not parsed or any(is_never_permitted(address) for address in parsed):
        raise ConnectionRejected("the host has an address that data sources may not use")
    if patterns and not any(_matches(pattern, host, parsed) for pattern in patterns):
        raise ConnectionRejected("the host is not among the hosts that data sources may use")
    if public_only and not patterns and not all(is_public(address) for address in parsed):
        raise ConnectionRejected(
            "the host has an address in a private network; the operator can permit it in DATA_SOURCE_HOSTS"
        )
    return addresses


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether the address is one of the Internet, whichever way an IPv4 address is wrapped in IPv6."""
    return all(form.is_global and not getattr(form, "is_site_local", False) for form in _forms(address))


def is_never_permitted(address: IPv4Address | IPv6Address) -> bool:
    """Whether no policy may permit the address, whichever way an IPv4 address is wrapped in IPv6."""
    return any(form in network for form in _forms(address) for network in _NEVER)


def _forms(address: IPv4Address | IPv6Address) -> tuple[IPv4Address | IPv6Address, ...]:
    if isinstance(address, IPv4Address):
        return (address,)
    # A scope id (fe80::1%eth0) would keep the address out of every network.
    bare = IPv6Address(int(address))
    wrapped = [bare.ipv4_mapped, bare.sixtofour, *(bare.teredo or ())]
    low = int(bare) & 0xFFFFFFFF
    if bare in _NAT64 or int(bare) >> 32 == 0:
        wrapped.append(IPv4Address(low))
    # ::1 is the loopback address, not the IPv4-compatible form of 0.0.0.1.
    return (bare,) if bare.is_loopback else (bare, *(form for form in wrapped if form is not None))


def _matches(pattern: str, host: str, addresses: Sequence[IPv4Address | IPv6Address]) -> bool:
    if "/" not in pattern:
        return fnmatchcase(host.lower().rstrip("."), pattern.lower())
    network = ip_network(pattern)
    return all(address in network for address in addresses)

from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sql_generator.sources import ConnectionRejected, SourceUnreachable
from sql_generator.sources.addresses import is_never_permitted, is_public, permitted_addresses
from sql_generator.sources.connect import ConnectPolicy, open_source
from sql_generator.sources.mysql_url import parse_mysql_url
from sql_generator.sources.postgres_url import parse_postgres_url

METADATA = IPv4Address("169.254.169.254")


@pytest.mark.parametrize(
    "address",
    [
        *("169.254.169.254", "169.254.0.1", "0.0.0.0", "0.1.2.3", "255.255.255.255", "224.0.0.1", "100.100.100.200"),
        *("::", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "ff02::1", "::ffff:169.254.169.254", "::169.254.169.254"),
        *("64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "::ffff:0.0.0.0", "168.63.129.16"),
    ],
)
def test_link_local_metadata_and_unspecified_addresses_are_never_permitted(address: str) -> None:
    assert is_never_permitted(ip_address(address))


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "192.168.1.1", "8.8.8.8", "::1", "fd00::1", "2606::1"])
def test_private_and_public_addresses_are_permitted(address: str) -> None:
    assert not is_never_permitted(ip_address(address))


@given(st.integers(0, 2**16 - 1), st.sampled_from(["::ffff:0:0", "64:ff9b::", "::"]))
def test_no_way_to_write_a_link_local_address_is_permitted(low: int, prefix: str) -> None:
    address = IPv4Address(int(IPv4Address("169.254.0.0")) + low)
    assert is_never_permitted(address)
    assert is_never_permitted(IPv6Address(int(IPv6Address(prefix)) + int(address)))


@pytest.mark.parametrize("host", ["169.254.169.254", "2852039166", "0xA9FEA9FE", "0251.0376.0251.0376", "[fe80::1]"])
async def test_a_numeric_host_is_checked_as_what_it_resolves_to(host: str) -> None:
    with pytest.raises(ConnectionRejected, match="may not use"):
        await permitted_addresses(host.strip("[]"), 5432, ())


async def test_hosts_are_matched_by_name_or_by_network() -> None:
    assert await permitted_addresses("127.0.0.1", 5432, ["127.0.0.0/8"]) == ("127.0.0.1",)
    assert "127.0.0.1" in await permitted_addresses("LOCALHOST", 5432, ["local*"])
    for patterns in (["*.example.com"], ["10.0.0.0/8"]):
        with pytest.raises(ConnectionRejected, match="not among the hosts"):
            await permitted_addresses("127.0.0.1", 5432, patterns)
    with pytest.raises(ConnectionRejected, match="may not use"):
        await permitted_addresses("169.254.169.254", 5432, ["169.254.0.0/16", "*"])
    with pytest.raises(SourceUnreachable, match="does not resolve"):
        await permitted_addresses("no-such-host.invalid", 5432, ())


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "::1", "fd00::1", "fec0::1"),
        *("::ffff:127.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::"),
    ],
)
async def test_an_address_of_a_private_network_needs_a_pattern_where_only_public_ones_are_permitted(
    address: str,
) -> None:
    assert not is_public(ip_address(address))
    with pytest.raises(ConnectionRejected, match="DATA_SOURCE_HOSTS"):
        await permitted_addresses(address, 5432, (), public_only=True)
    for pattern in (address, "0.0.0.0/0" if "." in address and ":" not in address else "::/0"):
        assert await permitted_addresses(address, 5432, (pattern,), public_only=True)


async def test_a_public_address_needs_no_pattern() -> None:
    for address in ("8.8.8.8", "2606:4700::1111"):
        assert await permitted_addresses(address, 5432, (), public_only=True) == (address,)


async def test_a_strict_policy_permits_no_postgres_on_the_loopback_interface() -> None:
    url = "postgresql://u@127.0.0.1:9/db?sslmode=disable"
    with pytest.raises(ConnectionRejected, match="DATA_SOURCE_HOSTS"):
        await open_source("postgres", url, policy=ConnectPolicy(strict=True)).test()
    for policy in (ConnectPolicy(strict=True, hosts=("127.0.0.0/8",)), ConnectPolicy()):
        with pytest.raises(SourceUnreachable, match="cannot connect"):
            await open_source("postgres", url, policy=policy).test()


def test_a_url_is_read_into_its_parts() -> None:
    target = parse_postgres_url("postgresql://us%40er:p%2Fw@db.example.com:6543/shop%20db?sslmode=verify-full&schema=s")
    assert (target.host, target.port, target.user, target.password) == ("db.example.com", 6543, "us@er", "p/w")
    assert (target.database, target.sslmode, target.schema) == ("shop db", "verify-full", "s")
    assert "p/w" not in repr(target)
    plain = parse_postgres_url("postgres://ann@[::1]")
    assert (plain.host, plain.port, plain.database, plain.password, plain.schema) == ("::1", 5432, "ann", "", "public")
    assert parse_postgres_url("postgresql+asyncpg://u@%2Fvar%2Frun/db").is_unix_socket
    assert parse_postgres_url("postgresql://u@/db?host=/var/run").is_unix_socket


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("mysql://u:hunter2@h/db", "must start with postgresql"),
        ("host=h password=hunter2", "must start with postgresql"),
        ("postgresql://u:hunter2@h/db?options=-csuperuser", "parameter that is not supported"),
        ("postgresql://u:hunter2@h/db?sslrootcert=/etc/passwd", "parameter that is not supported"),
        ("postgresql://u:1?hunter2=b@h/db", "parameter that is not supported"),
        ("postgresql://u:hunter2@h/db?sslmode=maybe", "sslmode must be one of"),
        ("postgresql://u:hunter2@h1,h2/db", "not a valid URL|one host"),
        ("postgresql://u:hunter2@/db", "names no host"),
        ("postgresql://h/db", "names no user"),
        ("postgresql://u:hunter2@h:99999/db", "not a valid URL"),
        ("postgresql://u:hunter2@h/db?port=0", "port must be"),
        ("postgresql://u:hun#ter2@h/db", "unescaped"),
        ("postgresql://u:hunter2[@h/db", "not a valid URL"),
    ],
)
def test_a_url_that_is_not_understood_is_rejected_without_quoting_it(url: str, reason: str) -> None:
    with pytest.raises(ConnectionRejected, match=reason) as caught:
        open_source("postgres", url, policy=ConnectPolicy())
    assert "hunter2" not in caught.value.detail
    assert caught.value.__cause__ is None


def test_a_mysql_url_is_read_into_its_parts() -> None:
    target = parse_mysql_url("mysql://us%40er:p%2Fw@db.example.com:3307/shop%20db?ssl-mode=verify_identity")
    assert (target.host, target.port, target.user, target.password) == ("db.example.com", 3307, "us@er", "p/w")
    assert (target.database, target.sslmode) == ("shop db", "verify-full")
    assert "p/w" not in repr(target)
    plain = parse_mysql_url("mariadb+pymysql://ann@[::1]/shop")
    assert (plain.host, plain.port, plain.password, plain.sslmode) == ("::1", 3306, "", None)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://u:hunter2@h/db", "must start with mysql"),
        ("mysql://u:hunter2@h/db?local_infile=1", "parameter that is not supported"),
        ("mysql://u:hunter2@h/db?ssl-ca=/etc/passwd", "parameter that is not supported"),
        ("mysql://u:hunter2@h/db?ssl-mode=maybe", "ssl-mode must be one of"),
        ("mysql://u:hunter2@/db", "names no host"),
        ("mysql://h/db", "names no user"),
        ("mysql://u:hunter2@h/", "names no database"),
        ("mysql://u:hunter2@h:99999/db", "not a valid URL"),
        ("mysql://u:hun#ter2@h/db", "unescaped"),
    ],
)
def test_a_mysql_url_that_is_not_understood_is_rejected_without_quoting_it(url: str, reason: str) -> None:
    with pytest.raises(ConnectionRejected, match=reason) as caught:
        open_source("mysql", url, policy=ConnectPolicy())
    assert "hunter2" not in caught.value.detail
    assert caught.value.__cause__ is None


@given(st.text(max_size=60))
def test_any_text_is_a_target_or_rejected(text: str) -> None:
    for kind, parse in (("postgresql", parse_postgres_url), ("mysql", parse_mysql_url)):
        for url in (text, f"{kind}://{text}", f"{kind}://u@h/db?{text}"):
            try:
                parse(url)
            except ConnectionRejected:
                continue


def test_a_unix_socket_needs_a_policy_that_says_so() -> None:
    url = "postgresql://u@/db?host=/var/run/postgresql"
    open_source("postgres", url, policy=ConnectPolicy(unix_sockets=True))
    with pytest.raises(ConnectionRejected, match="Unix sockets"):
        open_source("postgres", url, policy=ConnectPolicy())


def test_a_sqlite_file_must_really_lie_in_the_root(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "rooted"
    root.mkdir()
    outside.mkdir()
    (root / "in.db").touch()
    (outside / "out.db").touch()
    (root / "link.db").symlink_to(outside / "out.db")
    (root / "folder").symlink_to(outside)
    policy = ConnectPolicy(files_root=root, strict=True)
    for path in ("in.db", str(root / "in.db"), "../root/in.db"):
        open_source("sqlite", path, policy=policy)
    for path in ("link.db", "folder/out.db", "../rooted/out.db", str(outside / "out.db"), "/etc/passwd", "/nowhere"):
        with pytest.raises(ConnectionRejected, match="outside the directory"):
            open_source("sqlite", path, policy=policy)
    with pytest.raises(SourceUnreachable, match="does not exist"):
        open_source("sqlite", "missing.db", policy=policy)
    for path in (".", "a\x00b"):
        with pytest.raises(ConnectionRejected, match="not a"):
            open_source("sqlite", path, policy=policy)


def test_without_a_root_any_file_may_be_opened_but_not_under_a_strict_policy(tmp_path: Path) -> None:
    (tmp_path / "any.db").touch()
    open_source("sqlite", str(tmp_path / "any.db"), policy=ConnectPolicy())
    with pytest.raises(ConnectionRejected, match="not permitted here"):
        open_source("sqlite", str(tmp_path / "any.db"), policy=ConnectPolicy(strict=True))
    with pytest.raises(ConnectionRejected, match="not a file"):
        open_source("sqlite", "/dev/zero", policy=ConnectPolicy())

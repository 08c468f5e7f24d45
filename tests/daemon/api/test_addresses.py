"""Where a run that came with its own target may be aimed."""

import ipaddress

import pytest

from swelld.api.addresses import NotAllowed, Policy, embedded, pinned, system_resolver

EVERYTHING = ["0.0.0.0/0", "::/0"]


def refused(address: str, *patterns: str, named: bool = False) -> str | None:
    return Policy(patterns).refusal(ipaddress.ip_address(address), named=named)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.170.2",
        "fd00:ec2::254",
        "fd20:ce::254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "::a9fe:a9fe",
    ],
)
@pytest.mark.parametrize("named", [False, True])
def test_metadata_services_are_never_loaded(address: str, named: bool) -> None:
    said = refused(address, *EVERYTHING, "evil.example.com", named=named)
    assert said == "is a cloud's metadata service, which hands out credentials; it is never loaded"


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("169.254.1.1", "link-local"),
        ("fe80::1", "link-local"),
        ("fe80::1%2", "link-local"),
        ("224.0.0.1", "no address of one server"),
        ("ff02::1", "no address of one server"),
        ("0.0.0.0", "no address of one server"),
        ("::", "no address of one server"),
        ("255.255.255.255", "no address of one server"),
        ("240.0.0.1", "reserved"),
        ("0.1.2.3", "reserved"),
    ],
)
def test_what_is_no_server_is_never_loaded(address: str, word: str) -> None:
    said = refused(address, *EVERYTHING, "a.example.com", named=True)
    assert said is not None
    assert word in said
    assert said.endswith("it is never loaded")


@pytest.mark.parametrize(
    ("address", "patterns", "allowed"),
    [
        ("10.1.2.3", ["10.0.0.0/8"], True),
        ("10.1.2.3", ["10.1.2.3"], True),
        ("11.1.2.3", ["10.0.0.0/8"], False),
        ("::ffff:10.1.2.3", ["10.0.0.0/8"], True),
        ("fd12::1", ["fd00::/8"], True),
        ("2600::1", ["10.0.0.0/8"], False),
        ("127.0.0.1", ["0.0.0.0/0"], False),
        ("127.0.0.1", ["127.0.0.0/8"], True),
        ("127.0.0.1", ["127.0.0.1"], True),
        ("::1", ["::/0"], False),
        ("::1", ["::1"], True),
        ("::ffff:127.0.0.1", ["0.0.0.0/0", "::/0"], False),
    ],
)
def test_networks_allow_what_is_in_them(address: str, patterns: list[str], allowed: bool) -> None:
    assert (refused(address, *patterns) is None) == allowed


@pytest.mark.parametrize(
    ("host", "patterns", "allowed"),
    [
        ("llm.example.com", ["llm.example.com"], True),
        ("LLM.example.com.", ["llm.example.com"], True),
        ("llm.example.com", ["*.example.com"], True),
        ("a.b.example.com", ["*.example.com"], True),
        ("example.com", ["*.example.com"], False),
        (".example.com", ["*.example.com"], False),
        ("evilexample.com", ["*.example.com"], False),
        ("llm.example.com.evil.org", ["llm.example.com", "*.example.com"], False),
    ],
)
def test_names_allow_hosts(host: str, patterns: list[str], allowed: bool) -> None:
    assert Policy(patterns).names(host) == allowed


def test_a_name_allows_private_addresses_but_loopback_only_as_localhost() -> None:
    assert refused("10.1.2.3", "llm.internal", named=True) is None
    assert refused("127.0.0.1", "llm.internal", named=True) is not None
    assert refused("127.0.0.1", "localhost", named=True) is None


@pytest.mark.parametrize(
    ("address", "inside"),
    [("::ffff:1.2.3.4", "1.2.3.4"), ("64:ff9b::102:304", "1.2.3.4"), ("2002:102:304::", "1.2.3.4"), ("::1", "::1")],
)
def test_addresses_inside_addresses(address: str, inside: str) -> None:
    assert str(embedded(ipaddress.ip_address(address))) == inside


async def test_every_address_of_a_name_is_checked() -> None:
    async def resolver(host: str, port: int) -> list[str]:
        return ["10.1.2.3", "169.254.169.254"]

    with pytest.raises(NotAllowed, match=r"^a.example.com \(169\.254\.169\.254\) is a cloud's metadata service"):
        await pinned("a.example.com", 80, Policy(["10.0.0.0/8"]), resolver)


async def test_nothing_is_looked_up_where_nothing_is_allowed() -> None:
    async def resolver(host: str, port: int) -> list[str]:
        raise AssertionError(host)

    with pytest.raises(NotAllowed, match=r"only configured targets can be loaded; allow more with web\.inline_targets"):
        await pinned("a.example.com", 80, Policy([]), resolver)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "2130706433", "0x7f.1"])
async def test_other_spellings_of_loopback_are_seen_through(host: str) -> None:
    with pytest.raises(NotAllowed, match="is a loopback address"):
        await pinned(host, 80, Policy(["0.0.0.0/0"]), system_resolver)


async def test_a_host_without_an_address() -> None:
    with pytest.raises(NotAllowed, match="has no address"):
        await pinned("a" * 64 + ".example", 80, Policy(["10.0.0.0/8"]), system_resolver)

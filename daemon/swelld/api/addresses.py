"""Where a run that came with its own target may be aimed: a pure decision over addresses, and the look-up before it."""

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from typing import Final, Protocol

IP = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LOOKUP_SECONDS: Final = 5.0
_METADATA: Final = frozenset(
    map(
        ipaddress.ip_address,
        (
            "169.254.169.254",  # AWS, Azure, Google, OpenStack and most others
            "169.254.170.2",  # AWS, credentials of containers
            "fd00:ec2::254",  # AWS
            "fd00:ec2::23",  # AWS, credentials of pods
            "fd20:ce::254",  # Google
            "100.100.100.200",  # Alibaba
            "168.63.129.16",  # Azure, of the host
            "192.0.0.192",  # Oracle
        ),
    )
)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_THIS_NETWORK: Final = ipaddress.IPv4Network("0.0.0.0/8")


class NotAllowed(Exception):
    """A place that must not be loaded; the message says why, and the remedy."""


class Resolver(Protocol):
    """Looks up the addresses of a host; OSError if it has none."""

    async def __call__(self, host: str, port: int) -> Sequence[str]: ...


async def system_resolver(host: str, port: int) -> Sequence[str]:
    """As the system does it."""
    try:
        async with asyncio.timeout(LOOKUP_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except TimeoutError:
        raise OSError("the look-up timed out") from None
    except UnicodeError:
        raise OSError("that is no name of a host") from None
    return list(dict.fromkeys(str(info[4][0]) for info in found))


class Policy:
    """The networks and names of `web.inline_targets`, or of another setting of the kind."""

    def __init__(self, patterns: Sequence[str], setting: str = "web.inline_targets") -> None:
        self.setting = setting
        self._networks: list[Network] = []
        self._names: list[str] = []
        for pattern in patterns:
            try:
                self._networks.append(ipaddress.ip_network(pattern))
            except ValueError:
                self._names.append(pattern)

    def allows_any(self) -> bool:
        """Whether there is anything at all that may be loaded."""
        return bool(self._networks or self._names)

    def names(self, host: str) -> bool:
        """Whether a host is allowed by its name."""
        host = host.rstrip(".").lower()
        return any(
            host.endswith(name[1:]) and len(host) > len(name) - 1 if name.startswith("*.") else host == name
            for name in self._names
        )

    def refusal(self, address: IP, *, named: bool) -> str | None:
        """Why an address may not be loaded; None if it may. `named`: its host is allowed by name."""
        address = embedded(address)
        if text := never(address):
            return text
        networks = [network for network in self._networks if address in network]
        if address.is_loopback:
            allowed = any(network.is_loopback for network in networks) or (named and "localhost" in self._names)
            return None if allowed else "is a loopback address; only 127.0.0.0/8 or ::1 written out allows it"
        return None if named or networks else f"is not among {self.setting}"


def embedded(address: IP) -> IP:
    """The IPv4 address inside an IPv6 one that stands for it, else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo or _compatible(address) or address


def _compatible(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    return ipaddress.IPv4Address(int(address)) if 1 < int(address) < 2**32 else None


def never(address: IP) -> str | None:
    """Why an address is refused whatever the configuration says; None if it is not."""
    if address in _METADATA:
        return "is a cloud's metadata service, which hands out credentials; it is never loaded"
    if address.is_link_local:
        return "is link-local, where metadata services live; it is never loaded"
    if address.is_multicast or address.is_unspecified or address == ipaddress.IPv4Address("255.255.255.255"):
        return "is no address of one server; it is never loaded"
    if (address.is_reserved and not address.is_loopback) or address in _THIS_NETWORK:
        return "is reserved; it is never loaded"
    return None


async def pinned(host: str, port: int, policy: Policy, resolver: Resolver) -> tuple[str, ...]:
    """The addresses to connect to, every one of them checked; NotAllowed if one is not allowed or there is none.

    Who connects must use these and look nothing up again: a name may point elsewhere by then.
    """
    if not policy.allows_any():
        raise NotAllowed(f"only configured targets can be loaded; allow more with {policy.setting}")
    try:
        found = await resolver(host, port)
    except OSError as error:
        raise NotAllowed(f"{host} has no address ({error.strerror or error})") from None
    named = policy.names(host)
    for text in found:
        if reason := policy.refusal(ipaddress.ip_address(text.partition("%")[0]), named=named):
            raise NotAllowed(f"{host} ({text}) {reason}" if text != host else f"{host} {reason}")
    if not found:
        raise NotAllowed(f"{host} has no address")
    return tuple(found)

"""Targets from the DNS as `dns_sd` of Prometheus has them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from swelld.discovery.groups import Labels, Trouble
from swelld.discovery.settings import DnsSD, split_server

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver

LOOKUP_SECONDS: Final = 5.0


class DnsSource:
    """Looks names up, with the search list of the system. A name that does not exist has no targets: no trouble."""

    def __init__(self, settings: DnsSD) -> None:
        self._settings = settings

    async def places(self) -> Sequence[str]:
        return self._settings.names

    async def read(self, place: str) -> list[Labels]:
        from dns.exception import DNSException, Timeout
        from dns.resolver import NXDOMAIN, NoAnswer

        try:
            answer = await self._resolver().resolve(place, self._settings.type, search=True, lifetime=LOOKUP_SECONDS)
        except (NXDOMAIN, NoAnswer):
            return []
        except Timeout:
            raise Trouble(f"cannot be looked up: no DNS server answers within {LOOKUP_SECONDS:g} s") from None
        except (DNSException, OSError) as error:
            raise Trouble(f"cannot be looked up: {error}") from None
        if self._settings.type == "SRV":
            return [_of_srv(place, str(record.target), record.port) for record in answer]
        return [{"__address__": _joined(record.address, self._settings.port), **_named(place)} for record in answer]

    def _resolver(self) -> "Resolver":
        """A new one each time: the system's servers may have changed."""
        from dns.asyncresolver import Resolver
        from dns.nameserver import Do53Nameserver

        if self._settings.server is None:
            return Resolver()
        resolver = Resolver(configure=False)
        resolver.nameservers = [Do53Nameserver(*split_server(self._settings.server))]
        return resolver


def _of_srv(name: str, target: str, port: int) -> Labels:
    host = target.rstrip(".")
    meta = {"__meta_dns_srv_record_target": host, "__meta_dns_srv_record_port": str(port)}
    return {"__address__": _joined(host, port), **_named(name), **meta}


def _named(name: str) -> Labels:
    return {"__meta_dns_name": name}


def _joined(host: str, port: int | None) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

"""The places where targets are found: one class for each kind."""

from collections.abc import Sequence
from typing import Protocol

from swelld.discovery.by_dns import DnsSource
from swelld.discovery.by_file import FileSource
from swelld.discovery.by_http import HttpSource
from swelld.discovery.groups import Labels
from swelld.discovery.settings import Discovery


class Source(Protocol):
    """Where one entry of the configuration looks: in one or several places, each with a fate of its own."""

    async def places(self) -> Sequence[str]:
        """What there is to look at now, as it may be shown."""

    async def read(self, place: str) -> list[Labels]:
        """The targets of one place; Trouble if it cannot be read."""


def source(entry: Discovery) -> Source:
    """The source that an entry describes."""
    if entry.file_sd is not None:
        return FileSource(entry.file_sd)
    if entry.dns_sd is not None:
        return DnsSource(entry.dns_sd)
    assert entry.http_sd is not None
    return HttpSource(entry.http_sd, entry.interval)

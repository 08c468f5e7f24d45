"""What a scrape gets: the registry and the process in the format that was asked for, timed."""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from swelld import clock
from swelld_exporters.names import EXPOSITION_DURATION
from swelld_exporters.prometheus import openmetrics, protobuf, text
from swelld_exporters.prometheus.negotiation import Format, negotiate
from swelld_exporters.prometheus.process import ProcessMetrics
from swelld_exporters.prometheus.registry import Registry

_RENDERERS: Final[dict[Format, tuple[Callable[..., bytes], str]]] = {
    Format.TEXT: (text.render, text.CONTENT_TYPE),
    Format.OPENMETRICS: (openmetrics.render, openmetrics.CONTENT_TYPE),
    Format.PROTOBUF: (protobuf.render, protobuf.CONTENT_TYPE),
}


class Page(NamedTuple):
    """A rendered page."""

    body: bytes
    content_type: str


class Exposition:
    """Renders a registry and counts how long that took."""

    def __init__(self, registry: Registry, now: Callable[[], float] = clock.now) -> None:
        self._registry = registry
        self._process = ProcessMetrics()
        self._now = now
        durations = registry.histogram(EXPOSITION_DURATION)
        self._durations = {format_: durations.labels(format_.value) for format_ in Format}

    def render(self, accept: str = "") -> Page:
        """The page for an Accept header."""
        start = self._now()
        format_ = negotiate(accept)
        render, content_type = _RENDERERS[format_]
        page = Page(render(self._registry, self._process.registry()), content_type)
        self._durations[format_].update(np.array([self._now() - start]))
        return page

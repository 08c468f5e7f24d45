"""What a scrape gets: the registry and the process in the format that was asked for, timed."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from swelld import clock
from swelld_exporters.names import EXPOSITION_DURATION
from swelld_exporters.prometheus import text
from swelld_exporters.prometheus.process import ProcessMetrics
from swelld_exporters.prometheus.registry import Registry


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
        self._text_duration = registry.histogram(EXPOSITION_DURATION).labels("text")

    def render(self, accept: str = "") -> Page:
        """The page for an Accept header; text, which every scraper takes, whatever it says."""
        start = self._now()
        page = Page(text.render(self._registry) + self._process.text(), text.CONTENT_TYPE)
        self._text_duration.update(np.array([self._now() - start]))
        return page

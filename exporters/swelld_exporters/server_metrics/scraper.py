"""One server's page of metrics: found where it may be, read again and again."""

import re
import ssl
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Final, NamedTuple

from swelld_exporters.server_metrics.fetch import Answer, Page, fetch
from swelld_exporters.server_metrics.page import Reading, read

OK: Final = 200
TROUBLE: Final = frozenset({429, 500, 502, 503, 504})
"""Answers that may be others next time."""
_TYPE: Final = re.compile(r"^# TYPE \S+ \S+", re.MULTILINE)


class Look(NamedTuple):
    """A reading, the page that it is from, and how many seconds that took."""

    page: Page
    reading: Reading
    seconds: float


class NoMetrics(Exception):
    """The server answers, and has no metrics of a known engine where they may be; there is no use in asking again."""


Fetch = Callable[[Page, Mapping[str, str], ssl.SSLContext | None, float], Answer]


class Scraper:
    """Blocking, for a thread. With `sure`, any page that is answered is the one; otherwise its engine has to be known.

    Until it is, a page of metrics is still a reading, without an engine: some servers show theirs with the first
    request only.
    """

    def __init__(
        self,
        pages: Sequence[Page],
        headers: Callable[[], Mapping[str, str]],
        context: Callable[[], ssl.SSLContext | None],
        *,
        sure: bool,
        timeout: float,
        get: Fetch = fetch,
    ) -> None:
        self.pages = pages
        self._headers = headers
        self._context = context
        self._sure = sure
        self._timeout = timeout
        self._get = get

    def look(self) -> Look:
        """Read the page; NoMetrics if there is none, OSError or ValueError if it could not be read this time."""
        headers, context = self._headers(), self._context()
        blank: Look | None = None
        for page in self.pages:
            began = monotonic()
            answer = self._get(page, headers, context, self._timeout)
            reading = read(answer.body) if answer.status == OK else Reading(None, {})
            if reading.engine is not None or (self._sure and answer.status == OK):
                self.pages = (page,)
                self._sure = True
                return Look(page, reading, monotonic() - began)
            if self._sure or answer.status in TROUBLE:
                raise OSError(f"{page.url} answered {answer.status}")
            if blank is None and answer.status == OK and _TYPE.search(answer.body):
                blank = Look(page, reading, monotonic() - began)
        if blank is None:
            raise NoMetrics
        return blank

"""Settings of the store: where runs are kept, and for how long."""

from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from swelld.config import REDACTED, Config, PositiveDuration, Secret

FILE: Final = "swelld.db"
SCHEMES: Final = ("sqlite", "postgresql", "postgres")


class Store(Config):
    """Where runs and their results are kept."""

    dir: Path = Path("results")
    """The directory for files of runs and, where no `url` is given, for the database `swelld.db`; made if it is not
    there."""
    url: Secret | None = None
    """The database: `postgresql://USER:PASSWORD@HOST:5432/NAME` (needs `pip install 'swelld[postgres]'`) or
    `sqlite:////PATH/TO/FILE`. Without it `swelld.db` in `dir`."""
    instance: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """What this daemon signs its runs with; the machine's name if not given. Daemons that share a database need names
    that differ and that stay over a restart."""
    checkpoint: PositiveDuration = 5.0
    """How often a run under way is written: what a crash costs at most."""
    keep_runs: Annotated[int, Field(gt=0)] | None = 1000
    """How many finished runs of each scenario stay, the latest ones; null keeps all."""
    keep_for: PositiveDuration | None = 90 * 86400.0
    """How long a finished run stays; null keeps it for ever."""

    @field_validator("url")
    @classmethod
    def _known(cls, url: Secret | None) -> Secret | None:
        if url is not None and url.value is not None and url.value != REDACTED:
            check_url(url.value)
        return url

    def database(self) -> str:
        """The URL of the database; ValueError says what is wrong with it."""
        if self.url is None:
            return f"sqlite:///{(self.dir / FILE).absolute()}"
        try:
            found = self.url.reveal()
        except ValueError as error:
            raise ValueError(f"store.url: {error}") from None
        check_url(found)
        return found


def check_url(url: str) -> None:
    """ValueError, without the URL, if it is of no database that is supported."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in SCHEMES:
        raise ValueError("is no URL of a database: write postgresql://USER:PASSWORD@HOST:5432/NAME or sqlite:////PATH")
    if parts.scheme == "sqlite" and (parts.netloc or len(parts.path) < 2):
        raise ValueError("names no file: write sqlite:////ABSOLUTE/PATH or sqlite:///RELATIVE/PATH")
    if parts.scheme != "sqlite" and len(parts.path) < 2:
        raise ValueError("names no database: write postgresql://USER:PASSWORD@HOST:5432/NAME")

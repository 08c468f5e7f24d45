"""Settings of pushes to a Prometheus Pushgateway."""

import re
from typing import Literal
from urllib.parse import urlsplit

from pydantic import field_validator, model_validator

from swelld.config import Config, FieldError, PositiveDuration, Secret, shown
from swelld.engine.target import TLS


class Pushgateway(Config):
    """Pushes metrics to a Prometheus Pushgateway, for runs that are over before Prometheus could scrape them."""

    url: str | None = None
    """Where it is, with the prefix of its routes if it has one; nothing is pushed without."""
    job: str = "swelld"
    """The `job` label of what is pushed."""
    instance: str | None = None
    """The `instance` label of what is pushed; none if not given."""
    grouping: dict[str, str] = {}
    """More labels of the group, by name. A push replaces whatever its group had before, and nothing else."""
    on: Literal["interval", "end", "both"] = "end"
    """`interval`: as time goes by; `end`: when a run is over."""
    interval: PositiveDuration = 15.0
    """Between two pushes while runs go on."""
    timeout: PositiveDuration = 5.0
    """Longest time of a push."""
    username: str | None = None
    """For basic authentication."""
    password: Secret | None = None
    """For basic authentication."""
    tls: TLS = TLS()
    """How an https gateway is verified."""
    delete_on_exit: bool = False
    """Delete the group when swelld ends: for daemons that push. The last figures of a one-shot run would be lost."""

    @field_validator("url")
    @classmethod
    def _plain(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{shown(url)} is no URL of a Pushgateway: write http://HOST:9091 or https://HOST:PORT")
        if parts.username or parts.password:
            raise ValueError("no user or password in a URL: use `username` and `password`")
        if parts.query or parts.fragment or "/metrics/job" in parts.path:
            raise ValueError("give the gateway's own URL, e.g. http://HOST:9091: `job` and `grouping` make up the rest")
        return url.rstrip("/")

    @field_validator("job")
    @classmethod
    def _named(cls, job: str) -> str:
        if not job:
            raise ValueError("a job needs a name")
        return job

    @model_validator(mode="after")
    def _consistent(self) -> "Pushgateway":
        for name in self.grouping:
            if name in ("job", "instance"):
                raise FieldError((("grouping", name), f"has a key of its own: `{name}`"))
            if not re.fullmatch(r"(?!__)[A-Za-z_][A-Za-z0-9_]*", name):
                raise FieldError((("grouping", name), "is no name of a label: use letters, digits and `_`"))
        if (self.username is None) != (self.password is None):
            missing = "password" if self.password is None else "username"
            raise FieldError(((missing,), "is missing: basic authentication takes `username` and `password`"))
        if ":" in (self.username or ""):
            raise FieldError((("username",), "cannot hold a colon: basic authentication has no way to write it"))
        return self

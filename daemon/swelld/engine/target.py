"""A server to load: where it is, what it speaks, how long to wait for it."""

import ipaddress
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from swelld.config import Config, FieldError, PositiveDuration, Rate, Secret, Size, parse_list, shown
from swelld.spending import Budget, Price


class Timeouts(Config):
    """Separate deadlines for each part of an exchange."""

    connect: PositiveDuration = 10.0
    """TCP and TLS together."""
    first_token: PositiveDuration = 120.0
    """From the request being sent to the first token (the whole answer if it is not streamed)."""
    idle: PositiveDuration = 60.0
    """Between two reads of one answer."""
    total: PositiveDuration = 600.0
    """From the request being sent to its end."""


class TLS(Config):
    """How an https target is verified; the default is the system's authorities."""

    verify: bool = True
    """False accepts any certificate: said loudly in the log, for test systems only."""
    ca_file: Path | None = None
    """PEM file of the authorities to trust instead of the system's."""
    cert_file: Path | None = None
    """PEM file of our client certificate."""
    key_file: Path | None = None
    """PEM file of its key."""
    server_name: str | None = None
    """Name expected in the certificate instead of the URL's host."""


class Ceiling(Config):
    """What the target is never given more of, by all runs of the daemon together; at least one of the two."""

    rate: Rate | None = None
    """Requests per second. After a quiet time, one second's worth may be sent at once (two for each load process at
    the least)."""
    concurrency: Annotated[int, Field(gt=0)] | None = None
    """Requests at a time. Every load process keeps to its share, so an open loop may meet it a little early."""

    @model_validator(mode="after")
    def _limits_something(self) -> "Ceiling":
        if self.rate is None and self.concurrency is None:
            raise ValueError("limits nothing; set `rate`, `concurrency` or both")
        return self


def _switch(value: Any) -> Any:
    return "off" if value is False else value  # YAML reads a bare `off` as false


class ServerMetrics(Config):
    """The target's own metrics, read while runs go on and compared with what swelld measured.

    `metrics: off` is short for {url: off}, `metrics: http://HOST:PORT/metrics` for {url: ...}.
    """

    url: Annotated[str, BeforeValidator(_switch)] = "auto"
    """Where they are: a URL, `auto` (`/metrics` or `/prometheus/metrics` below the target's URL, if one of them is
    there and of a known engine) or `off`."""
    interval: PositiveDuration = 5.0
    """Between two looks."""
    tolerance: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """By what share of the server's figure swelld's own may differ from it without a warning."""

    @model_validator(mode="before")
    @classmethod
    def _from_url(cls, data: Any) -> Any:
        return {"url": data} if isinstance(data, (str, bool)) else data

    @field_validator("url")
    @classmethod
    def _reachable(cls, url: str) -> str:
        parts = urlsplit(url)
        if url not in ("auto", "off") and (parts.scheme not in ("http", "https") or not parts.hostname):
            raise ValueError("write auto, off, or the URL of the page: http://HOST:PORT/metrics")
        if parts.username or parts.password:
            raise ValueError("no user or password in a URL: the target's `headers` and `api_key` are sent to its host")
        return url


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError(f"{shown(text)} is no IP address; names belong into the `url`") from None


class Target(Config):
    """A server to load."""

    url: str
    """Base URL with or without /v1, or the full endpoint; `unix:///path/to.sock` for a Unix socket."""
    addresses: Annotated[tuple[Annotated[str, AfterValidator(_address)], ...], BeforeValidator(parse_list)] = ()
    """IP addresses to connect to, in this order, instead of those that the URL's host resolves to."""
    api: str = "openai_chat"
    """The wire format."""
    model: str = ""
    """Sent as the model's name, and a label of every metric."""
    api_key: Secret | None = None
    """Sent as a bearer token."""
    headers: dict[str, str] = {}
    """Added to every request."""
    stream: bool = True
    """Stream the answer; without it there is no TTFT, ITL or TPOT."""
    max_tokens: Annotated[int, Field(gt=0)] | None = None
    """Longest answer: holds for prompts that ask for a longer one, or for no length of their own."""
    temperature: Annotated[float, Field(ge=0)] | None = None
    """Sampling temperature; the server's default if not given."""
    extra_body: dict[str, Any] = {}
    """Merged into every request body: any field of any server, e.g. {ignore_eos: true}."""
    timeouts: Timeouts = Timeouts()
    """Separate deadlines for each part of an exchange."""
    tls: TLS = TLS()
    """How an https target is verified."""
    connections: Annotated[int, Field(gt=0)] = 16384
    """Most connections open at a time; requests beyond it wait, and the wait shows in the lag."""
    ceiling: Ceiling | None = None
    """What the target is never given more of, by all runs together, e.g. {rate: 10/s, concurrency: 50}. A run that
    would ask for more is refused; a closed loop waits, and an arrival that finds no room is withheld and counted."""
    max_response: Size = 64 * 2**20
    """Largest answer accepted."""
    tokenizer: str | None = None
    """Counts output tokens where the server does not, and checks them where it does: a tiktoken encoding
    (`cl100k_base`, `o200k_base`) or the path of a Hugging Face tokenizer.json."""
    traceparent: bool = False
    """Send a `traceparent` header where traces are exported, so that the server's own spans join ours."""
    keep_text: bool = False
    """Keep answers in the written requests."""
    metrics: ServerMetrics = ServerMetrics()
    """The target's own metrics, read while runs go on and compared with what swelld measured."""
    price: Price | None = None
    """What its tokens cost: adds the cost to results and metrics."""
    budget: Budget | None = None
    """What all scenarios together may use of it in an hour or a day."""

    @model_validator(mode="after")
    def _priced(self) -> "Target":
        if self.budget is not None and self.budget.cost and self.price is None:
            raise FieldError((("budget", "cost"), "needs the prices of tokens; give the target a `price`"))
        return self

    @field_validator("url")
    @classmethod
    def _known_scheme(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https", "unix"):
            raise ValueError("a target's URL starts with http://, https:// or unix://")
        if parts.scheme == "unix" and not parts.path:
            raise ValueError("a Unix socket is written unix:///path/to.sock")
        if parts.scheme != "unix" and not parts.hostname:
            raise ValueError("the URL names no host: write http://HOST:PORT")
        if parts.username or parts.password:
            raise ValueError("no user or password in a URL: use `headers` or `api_key`")
        return url

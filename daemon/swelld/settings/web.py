"""Settings of the daemon's own HTTP server: where it listens, who may do what, and what it lets itself be aimed at."""

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, field_validator, model_validator

from swelld.config import Config, FieldError, Rate, Secret, Size, parse_list, shown

Role = Literal["read", "operate", "admin"]
"""What a caller may do, each with what comes before it: look; start and stop load; reload, delete and see the audit."""

_LABEL = r"[A-Za-z0-9]([A-Za-z0-9_.@-]{0,61}[A-Za-z0-9])?"
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


class Address(NamedTuple):
    """Where to listen; an empty host is every address of the machine."""

    host: str
    port: int


def parse_address(value: Any) -> Any:
    """An address from `HOST:PORT`, `:PORT` or `[IPV6]:PORT`."""
    if isinstance(value, Address):
        return value
    match = re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)\]|([^:\[\]\s]*)):(\d{1,5})", str(value).strip())
    if not match or int(match.group(3)) > 65535:
        raise ValueError(f"{shown(value)} is no address; write HOST:PORT, :PORT or [IPV6]:PORT with a port up to 65535")
    return Address(match.group(1) or match.group(2), int(match.group(3)))


def format_address(address: Address) -> str:
    """The address as it is written."""
    return f"[{address.host}]:{address.port}" if ":" in address.host else f"{address.host}:{address.port}"


Listen = Annotated[Address, BeforeValidator(parse_address), PlainSerializer(format_address)]


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.rstrip(".").lower() == "localhost"


def _version(value: Any) -> Any:
    return str(value) if isinstance(value, float) else value  # YAML reads 1.3 as a number


def _origin(origin: str) -> str:
    parts = urlsplit(origin)
    if parts.scheme not in ("http", "https") or not parts.hostname or origin != f"{parts.scheme}://{parts.netloc}":
        raise ValueError(f"{shown(origin)} is no origin: write https://HOST or https://HOST:PORT, without a path")
    return origin.lower()


def _host(host: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", host):
        raise ValueError(f"{shown(host)} is no name of a host: leave out scheme, port and path")
    return host.rstrip(".").lower()


def _pattern(pattern: str) -> str:
    """An address, a network, a name or `*.` and a name."""
    name = pattern.removeprefix("*.")
    if re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", name) and re.search("[A-Za-z]", name.rpartition(".")[2]):
        return pattern.lower()
    try:
        return str(ipaddress.ip_network(pattern))
    except ValueError as error:
        hint = "its host bits are set" if "host bits" in str(error) else "it is none of these"
        raise ValueError(
            f"{shown(pattern)} allows nothing ({hint}): write 10.1.0.0/16, 10.1.2.3, llm.example.com or *.example.com"
        ) from None


HostPatterns = Annotated[tuple[Annotated[str, AfterValidator(_pattern)], ...], BeforeValidator(parse_list)]
"""Networks, addresses, names, `*.` and a name."""


class Token(Config):
    """A bearer token: who comes with it, and what they may do. `swelld token` makes one, with its hash."""

    name: Annotated[str, Field(pattern=rf"^{_LABEL}$")]
    """Who it is, for the audit log."""
    role: Role
    """`read`: look; `operate`: also start, change and stop load; `admin`: also reload, delete and see the audit."""
    hash: Secret | None = None
    """`sha256:` and 64 hexadecimal digits, as `swelld token` prints it: all that has to be known of a token."""
    token: Secret | None = None
    """The token itself instead of its hash, at least 20 characters; best from an environment variable or a file."""

    @model_validator(mode="after")
    def _one_way(self) -> "Token":
        if (self.hash is None) == (self.token is None):
            raise ValueError("give a token either its `hash` or the `token` itself")
        return self


class ServerTLS(Config):
    """HTTPS, and certificates of clients."""

    cert: Path
    """PEM file of the certificate and those between it and the authority. Read again on every reload."""
    key: Path
    """PEM file of its key."""
    client_ca: Path | None = None
    """PEM file of the authorities whose client certificates are accepted; none are asked for without."""
    client_auth: Literal["require", "optional"] = "require"
    """With `client_ca`: whether nobody connects without a certificate, or who has none needs another way."""
    client_names: Annotated[tuple[str, ...], BeforeValidator(parse_list)] = ()
    """Names (subject alternative names) of clients that are accepted; all that the authority vouches for if empty."""
    client_role: Role | None = None
    """What a client may do by its certificate alone; nothing more than others if not given."""
    min_version: Annotated[Literal["1.2", "1.3"], BeforeValidator(_version)] = "1.2"
    """Oldest version of TLS."""

    @model_validator(mode="after")
    def _consistent(self) -> "ServerTLS":
        if self.client_ca is None and (self.client_names or self.client_role):
            raise FieldError((("client_ca",), "is missing: without it no client certificate can be trusted"))
        return self


class Web(Config):
    """The daemon's own HTTP server: metrics, health, interface."""

    listen: Listen = Address("127.0.0.1", 9464)
    """HOST:PORT; `:9464` listens on every address, port 0 lets the system choose."""
    tls: ServerTLS | None = None
    """HTTPS, and certificates of clients; plain HTTP if not given."""
    config_file: Path | None = None
    """TLS, users and headers from a web configuration file as Prometheus and its exporters have them."""
    tokens: tuple[Token, ...] = ()
    """Who may come, with which bearer token."""
    basic_auth_users: dict[Annotated[str, Field(pattern=r"^[^:\x00-\x1f]{1,64}$")], Secret] = {}
    """Users by name with the bcrypt hashes of their passwords (`htpasswd -nBC 12 USER`)."""
    basic_auth_role: Role = "read"
    """What those users may do."""
    open_reading: bool | None = None
    """Whether everybody who can connect may read metrics, runs and the configuration without secrets; if not given,
    only where `listen` is a loopback address."""
    allow_unauthenticated_control: bool = False
    """Let whoever is on this machine start and stop load without a token; only where `listen` is a loopback address."""
    hosts: Annotated[tuple[Annotated[str, AfterValidator(_host)], ...], BeforeValidator(parse_list)] = ()
    """Names under which the server is reached. On a loopback address any other name but localhost is refused, which
    keeps web pages out that point a name of theirs at this machine; elsewhere only if names are given here."""
    cors_origins: Annotated[tuple[Annotated[str, AfterValidator(_origin)], ...], BeforeValidator(parse_list)] = ()
    """Web pages that may call the API, e.g. https://grafana.example.com for buttons on a dashboard."""
    headers: dict[str, str] = {}
    """Added to every answer, e.g. {Strict-Transport-Security: max-age=63072000}."""
    inline_targets: HostPatterns = ()
    """Servers beyond the configured targets that a run may be aimed at: networks, addresses, names, `*.` and a name.
    None if empty. Loopback must be written out (127.0.0.0/8); link-local and metadata addresses are never allowed."""
    control_rate: Rate = 5.0
    """How many requests that change something one caller may make, with bursts of four seconds' worth."""
    max_body: Size = 2**20
    """Largest request accepted."""
    max_streams: Annotated[int, Field(gt=0)] = 64
    """Most live streams of progress at a time; one caller gets a quarter of them."""

    @field_validator("tokens")
    @classmethod
    def _names_differ(cls, tokens: tuple[Token, ...]) -> tuple[Token, ...]:
        names = [token.name for token in tokens]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"two tokens are named {twice[0]!r}: the audit log could not tell them apart")
        return tokens

    @field_validator("headers")
    @classmethod
    def _headers_are_safe(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if not _HEADER.fullmatch(name) or not value.isprintable():
                raise ValueError(f"{shown(name)}: a header is a name and one line of printable text")
        return headers

    @model_validator(mode="after")
    def _consistent(self) -> "Web":
        if self.allow_unauthenticated_control and not self.on_loopback:
            text = f"is only allowed on loopback, but `listen` is {format_address(self.listen)}; use `tokens`"
            raise FieldError((("allow_unauthenticated_control",), text))
        if self.config_file is not None and (self.tls is not None or self.basic_auth_users):
            raise FieldError((("config_file",), "says TLS and users itself; drop `tls` and `basic_auth_users` here"))
        return self

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can connect."""
        return is_loopback(self.listen.host)

    @property
    def reading_is_open(self) -> bool:
        """Whether one may read without saying who one is."""
        return self.on_loopback if self.open_reading is None else self.open_reading

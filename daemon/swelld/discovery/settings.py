"""Settings of service discovery: where to look, and what holds for every target found there."""

import ipaddress
import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Annotated, Any, Final, Literal, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from swelld.components import ADAPTERS
from swelld.config import Config, FieldError, PositiveDuration, Secret, parse_list, shown, suggest
from swelld.engine.target import TLS, Target

Kind = Literal["file", "dns", "http"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
FILE_REFRESH: Final = 5.0
REFRESH: Final = 30.0

_LABEL = re.compile(r"\{([a-zA-Z_][a-zA-Z0-9_]*)\}")
_SAMPLE: Final = {"__address__": "host:1", "__scheme__": "http"}


def filled(text: str, labels: Mapping[str, str]) -> str:
    """The text with the value of a label for every `{label}`; ValueError names one that is not there."""

    def value(match: re.Match[str]) -> str:
        if match[1] not in labels:
            raise ValueError(f"has no label {match[1]}, which the template asks for")
        return labels[match[1]]

    return _LABEL.sub(value, text)


def _groups_file(path: str) -> str:
    if PurePath(path).suffix not in (".json", ".yml", ".yaml"):
        raise ValueError(f"{shown(path)} is no file of targets; its name has to end in .json, .yml or .yaml")
    return path


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _server(text: str) -> str:
    host, port = split_server(text)
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise ValueError(f"{shown(text)} is no DNS server; write 10.0.0.1, 10.0.0.1:53 or [::1]:53") from None
    if not 0 < port < 65536:
        raise ValueError(f"{shown(text)} has no such port; write a number from 1 to 65535")
    return text


def split_server(text: str) -> tuple[str, int]:
    """Address and port of a DNS server."""
    match = re.fullmatch(r"(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})", text)
    return (match[1] or match[2], int(match[3])) if match else (text, 53)


class FileSD(Config):
    """Files as `file_sd` of Prometheus reads them; a path or a list of paths is short for {files: ...}."""

    files: Annotated[
        tuple[Annotated[str, AfterValidator(_groups_file)], ...], BeforeValidator(parse_list), Field(min_length=1)
    ]
    """Paths, with `*` if wanted. A file that is gone takes its targets with it."""

    @model_validator(mode="before")
    @classmethod
    def _from_paths(cls, data: Any) -> Any:
        return data if isinstance(data, (dict, FileSD)) else {"files": data}


class DnsSD(Config):
    """Names in the DNS, as `dns_sd` of Prometheus looks them up."""

    names: Annotated[tuple[str, ...], BeforeValidator(parse_list), Field(min_length=1)]
    """What to look up, e.g. `_http._tcp.vllm.default.svc.cluster.local`."""
    type: Annotated[Literal["SRV", "A", "AAAA"], BeforeValidator(_upper)] = "SRV"
    """Which records: those of type SRV say the port, too."""
    port: Annotated[int, Field(gt=0, lt=65536)] | None = None
    """Of every target; for `A` and `AAAA` only."""
    server: Annotated[str, AfterValidator(_server)] | None = None
    """Address of the DNS server, with a port if it is not 53; the system's servers if not given."""

    @model_validator(mode="after")
    def _port_from_one_side(self) -> "DnsSD":
        if self.type == "SRV" and self.port is not None:
            raise FieldError((("port",), "is said by SRV records themselves; leave it out, or set `type: A`"))
        if self.type != "SRV" and self.port is None:
            raise FieldError((("port",), f"is missing: {self.type} records do not say it"))
        return self


class HttpSD(Config):
    """A URL that answers as `http_sd` of Prometheus asks; a URL alone is short for {url: ...}."""

    url: str
    """Where to ask."""
    bearer_token: Secret | None = None
    """Sent as `Authorization: Bearer`."""
    headers: dict[str, str] = {}
    """Added to every request."""
    tls: TLS = TLS()
    """How an https URL is verified."""

    @model_validator(mode="before")
    @classmethod
    def _from_url(cls, data: Any) -> Any:
        return {"url": data} if isinstance(data, str) else data

    @field_validator("url")
    @classmethod
    def _reachable(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("write the URL of the list: http://HOST:PORT/PATH")
        if parts.username or parts.password:
            raise ValueError("no user or password in a URL: use `bearer_token` or `headers`")
        return url


class Template(Target):
    """What holds for every target that is found: the keys of a target.

    Labels `model` and `api` of a target take the place of these keys. In `url` and `model`, `{label}` stands for the
    value of any label.
    """

    url: str = "{__scheme__}://{__address__}"
    """Base URL; `__address__` is what was found, `__scheme__` is http unless a label says otherwise."""

    @field_validator("url")
    @classmethod
    def _known_scheme(cls, url: str) -> str:
        labels = dict.fromkeys(_LABEL.findall(url), "x") | _SAMPLE
        parts = urlsplit(filled(url, labels))
        if url != "{__address__}" and (parts.scheme not in ("http", "https") or not parts.hostname):
            raise ValueError("leads to no URL; write e.g. http://{__address__}/v1")
        if parts.username or parts.password:
            raise ValueError("no user or password in a URL: use `headers` or `api_key`")
        return url

    @field_validator("api")
    @classmethod
    def _known_api(cls, api: str) -> str:
        if api not in ADAPTERS:
            raise ValueError(f"{shown(api)} is no wire format; {suggest(api, ADAPTERS)}")
        return api


class Discovery(Config):
    """One place where targets are found; give one of file_sd, dns_sd and http_sd."""

    file_sd: FileSD | None = None
    """Files as `file_sd` of Prometheus reads them."""
    dns_sd: DnsSD | None = None
    """Names in the DNS."""
    http_sd: HttpSD | None = None
    """A URL that answers with a list."""
    refresh: PositiveDuration | None = None
    """Between two looks; 5s for files and 30s for others if not given."""
    target: Template = Template()
    """What holds for every target found here."""

    @model_validator(mode="after")
    def _one_place(self) -> "Discovery":
        if sum(place is not None for place in (self.file_sd, self.dns_sd, self.http_sd)) != 1:
            raise ValueError("give one of file_sd, dns_sd and http_sd; for several places, several entries of the list")
        return self

    @property
    def kind(self) -> Kind:
        """Where it looks."""
        return "file" if self.file_sd is not None else "dns" if self.dns_sd is not None else "http"

    @property
    def interval(self) -> float:
        """Seconds between two looks."""
        return self.refresh or (FILE_REFRESH if self.file_sd is not None else REFRESH)

"""Where OTLP goes: the settings first, then the `OTEL_*` variables, then the defaults of OpenTelemetry."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal
from urllib.parse import unquote, urlsplit

Protocol = Literal["http/protobuf", "grpc"]
Signal = Literal["traces", "metrics"]

_PATHS: Final = {"traces": "/v1/traces", "metrics": "/v1/metrics"}
_TIMEOUT: Final = 10.0


@dataclass(frozen=True, slots=True)
class Destination:
    """One receiver of one signal."""

    protocol: Protocol
    url: str
    """With the signal's path for HTTP; without one for gRPC."""
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: float = _TIMEOUT
    gzip: bool = False
    secure: bool = False
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the settings say of the destination; None where they say nothing."""

    endpoint: str | None = None
    protocol: Protocol | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None
    compression: Literal["none", "gzip"] | None = None


class Environment:
    """The `OTEL_*` variables; an empty one counts as not set."""

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        self._variables = os.environ if variables is None else variables

    @property
    def disabled(self) -> bool:
        """`OTEL_SDK_DISABLED`."""
        return (self.get("OTEL_SDK_DISABLED") or "").lower() == "true"

    def excluded(self, signal: Signal) -> bool:
        """Whether `OTEL_TRACES_EXPORTER` or `OTEL_METRICS_EXPORTER` is `none`."""
        return self.get(f"OTEL_{signal.upper()}_EXPORTER") == "none"

    def sampler(self) -> float | None:
        """Share of traces by `OTEL_TRACES_SAMPLER` and its `_ARG`; None if not set. Ours are roots, so a parent's word
        never counts."""
        name = (self.get("OTEL_TRACES_SAMPLER") or "").lower().removeprefix("parentbased_")
        if name in ("always_on", "always_off"):
            return 1.0 if name == "always_on" else 0.0
        if name == "traceidratio":
            ratio = self.number("OTEL_TRACES_SAMPLER_ARG", 1.0)
            if not 0 <= ratio <= 1:
                raise ValueError(f"OTEL_TRACES_SAMPLER_ARG is {ratio:g}: write a share from 0 to 1")
            return ratio
        if name:
            raise ValueError(
                f"OTEL_TRACES_SAMPLER is {name!r}: use always_on, always_off or traceidratio, also with parentbased_"
            )
        return None

    def destination(self, signal: Signal, wanted: Wanted) -> Destination:
        """ValueError names the variable or the setting that cannot be used."""
        protocol = wanted.protocol or self._protocol(signal)
        url, secure = self._url(signal, wanted.endpoint, protocol)
        timeout = wanted.timeout
        compression = wanted.compression or self._compression(signal)
        return Destination(
            protocol=protocol,
            url=url,
            headers={**self._headers(signal), **{name.lower(): value for name, value in wanted.headers.items()}},
            timeout=self.number(f"OTEL_EXPORTER_OTLP_{signal.upper()}_TIMEOUT", self._timeout())
            if timeout is None
            else timeout,
            gzip=compression == "gzip",
            secure=secure,
            ca_file=self._file(signal, "CERTIFICATE"),
            cert_file=self._file(signal, "CLIENT_CERTIFICATE"),
            key_file=self._file(signal, "CLIENT_KEY"),
        )

    def get(self, name: str) -> str | None:
        """The variable, None if it is not set or empty."""
        return self._variables.get(name, "").strip() or None

    def number(self, name: str, otherwise: float) -> float:
        """The variable as a number; ValueError if it is none."""
        text = self.get(name)
        if text is None:
            return otherwise
        try:
            return float(text)
        except ValueError:
            raise ValueError(f"{name} is {text!r}: write a number") from None

    def _timeout(self) -> float:
        return self.number("OTEL_EXPORTER_OTLP_TIMEOUT", _TIMEOUT)

    def _of(self, signal: Signal, name: str) -> tuple[str, str | None]:
        """(variable, value): the signal's own before that of all signals."""
        own, common = f"OTEL_EXPORTER_OTLP_{signal.upper()}_{name}", f"OTEL_EXPORTER_OTLP_{name}"
        return (own, value) if (value := self.get(own)) else (common, self.get(common))

    def _protocol(self, signal: Signal) -> Protocol:
        variable, value = self._of(signal, "PROTOCOL")
        if value == "grpc":
            return "grpc"
        if value not in (None, "http/protobuf"):
            raise ValueError(f"{variable} is {value!r}: use http/protobuf or grpc")
        return "http/protobuf"

    def _compression(self, signal: Signal) -> str:
        variable, value = self._of(signal, "COMPRESSION")
        if value not in (None, "none", "gzip"):
            raise ValueError(f"{variable} is {value!r}: use gzip or none")
        return value or "none"

    def _url(self, signal: Signal, endpoint: str | None, protocol: Protocol) -> tuple[str, bool]:
        """(URL, TLS); a signal's own variable holds the whole URL, everything else a base."""
        variable, value = ("exporters.otlp.endpoint", endpoint) if endpoint else self._of(signal, "ENDPOINT")
        base = value or f"http://localhost:{4318 if protocol == 'http/protobuf' else 4317}"
        scheme = urlsplit(base).scheme if "://" in base else ""
        if protocol == "grpc":
            insecure = (self._of(signal, "INSECURE")[1] or "").lower() == "true"
            secure = scheme == "https" or (not scheme and not insecure)
            return (urlsplit(base).netloc if scheme else base), secure
        if scheme not in ("http", "https"):
            raise ValueError(f"{variable} is {base!r}: write http://HOST:PORT or https://HOST:PORT")
        whole = variable.endswith(f"{signal.upper()}_ENDPOINT")
        return (base if whole else base.rstrip("/") + _PATHS[signal]), scheme == "https"

    def _headers(self, signal: Signal) -> dict[str, str]:
        """From `a=1,b=two%20words`."""
        variable, value = self._of(signal, "HEADERS")
        found = {}
        for pair in filter(None, (pair.strip() for pair in (value or "").split(","))):
            name, equals, text = pair.partition("=")
            if not equals:
                raise ValueError(f"{variable} has a part without `=`: write NAME=VALUE,NAME=VALUE")
            found[name.strip().lower()] = unquote(text.strip())
        return found

    def _file(self, signal: Signal, name: str) -> Path | None:
        variable, value = self._of(signal, name)
        if value is None:
            return None
        if not Path(value).is_file():
            raise ValueError(f"{variable} names {value}, which is no file")
        return Path(value)

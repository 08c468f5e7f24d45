"""Settings of the probe endpoint: what is asked, what is expected, and which servers may be asked."""

from typing import Annotated, Any

from pydantic import Field, field_validator

from swelld.checks.settings import Checks
from swelld.components import ADAPTERS
from swelld.config import Config, PositiveDuration, Secret, shown, suggest
from swelld.engine.target import TLS
from swelld.settings.web import HostPatterns


class Module(Config):
    """What a probe asks and expects; what is not given here is as the target has it."""

    prompt: Annotated[str, Field(min_length=1)] = "Say yes."
    """What is asked."""
    max_tokens: Annotated[int, Field(gt=0)] = 16
    """Longest answer."""
    exchanges: Annotated[int, Field(gt=0, le=100)] = 1
    """How many there are in one probe, one after the other; the first that fails is the last."""
    timeout: PositiveDuration = 10.0
    """For the whole probe, where the scrape leaves as much."""
    stream: bool | None = None
    """Stream the answer; without it there is no TTFT and no TPOT."""
    api: str | None = None
    """The wire format."""
    model: str | None = None
    """Sent as the model's name."""
    api_key: Secret | None = None
    """Sent as a bearer token."""
    headers: dict[str, str] = {}
    """Added to every request, beside those of the target."""
    temperature: Annotated[float, Field(ge=0)] | None = None
    """Sampling temperature."""
    extra_body: dict[str, Any] = {}
    """Merged into every request body, over that of the target."""
    tls: TLS | None = None
    """How an https target is verified."""
    checks: Checks | None = None
    """What the text of every answer has to be like; `sample` has no meaning here."""

    @field_validator("api")
    @classmethod
    def _known_api(cls, api: str | None) -> str | None:
        if api is not None and api not in ADAPTERS:
            raise ValueError(f"{shown(api)} is no wire format; {suggest(api, ADAPTERS)}")
        return api


class Probe(Config):
    """What `/probe?target=&module=` may do."""

    modules: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")], Module] = {"chat": Module()}
    """What can be asked, by name."""
    targets: HostPatterns = ()
    """Servers beyond the targets that may be probed: networks, addresses, names, `*.` and a name. None if empty.
    Loopback must be written out (127.0.0.0/8); link-local and metadata addresses are never allowed."""
    concurrency: Annotated[int, Field(gt=0, le=1000)] = 8
    """Most probes at a time; one beyond it is answered with 503."""

"""The whole configuration as one strict, frozen model."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from swelld.components import ADAPTERS
from swelld.config import Config, FieldError, Size, parse_list, shown, suggest
from swelld.engine.target import Target
from swelld.scenario import Scenario
from swelld.settings.gpu import Nvml
from swelld.settings.push import Pushgateway
from swelld.settings.tree import Path as KeyPath
from swelld_exporters.otlp.settings import OtlpSettings
from swelld_exporters.sinks import Format, Rotation, missing_library


def _name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", name):
        raise ValueError(
            f"{shown(name)} is no name; use up to 63 letters, digits, `_`, `.` and `-`, a letter or digit first"
        )
    return name


def _known_api(target: Target) -> Target:
    if text := unknown_api(target.api):
        raise FieldError((("api",), text))
    return target


Name = Annotated[str, AfterValidator(_name)]
"""A label, part of file names and URLs."""


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


def parse_shards(value: Any) -> Any:
    """`auto`, `inline` or a number of processes."""
    text = str(value).strip().lower()
    if text in ("auto", "inline"):
        return text
    if isinstance(value, bool) or not re.fullmatch(r"[1-9]\d{0,3}", text):
        raise ValueError(f"{shown(value)} is no number of shards; write auto, inline or a number from 1 to 9999")
    return int(text)


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


class Files(Config):
    """Writes every run into a directory of its own below the store's."""

    enabled: bool = True
    """Whether to write them."""
    formats: Annotated[tuple[Format, ...], BeforeValidator(parse_list)] = ("jsonl",)
    """How single requests are written, in one file each: `jsonl` is one JSON object a line, `csv` a table with a
    header, `parquet` the same with types (needs `pip install 'swelld[parquet]'`; can be read when the run is over)."""
    max_size: Size | None = None
    """Begin a new file of requests once one is this large, e.g. 64MiB. Only then are runs without an end recorded."""
    keep: Annotated[int, Field(gt=0)] = 5
    """How many full files of each format stay, the latest ones; with `max_size` only."""

    @field_validator("formats")
    @classmethod
    def _installed(cls, formats: tuple[Format, ...]) -> tuple[Format, ...]:
        for form in formats:
            if text := missing_library(form):
                raise ValueError(text)
        return tuple(dict.fromkeys(formats))

    @property
    def rotation(self) -> Rotation | None:
        """None where a file may grow as long as its run goes on."""
        return None if self.max_size is None else Rotation(self.max_size, self.keep)


class Exporters(Config):
    """Where measurements go besides `/metrics`."""

    nvml: Nvml = Nvml()
    """Reads the GPUs of the machine that swelld runs on, through NVIDIA's driver."""
    pushgateway: Pushgateway = Pushgateway()
    """Pushes metrics to a Prometheus Pushgateway."""
    files: Files = Files()
    """Writes every run into a directory of its own below the store's."""
    otlp: OtlpSettings = OtlpSettings()
    """Traces, and metrics if wanted, to an OpenTelemetry receiver."""


class Store(Config):
    """Where results of runs are kept."""

    dir: Path = Path("results")
    """The directory; made if it is not there."""


class Web(Config):
    """The daemon's own HTTP server: metrics, health, interface."""

    listen: Listen = Address("127.0.0.1", 9464)
    """HOST:PORT; `:9464` listens on every address, port 0 lets the system choose."""


class Log(Config):
    """What the daemon says about itself, on standard error."""

    level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = "info"
    """The least important messages that are shown."""
    format: Annotated[Literal["auto", "console", "json"], BeforeValidator(_lower)] = "auto"
    """`auto`: for people on a terminal, JSON elsewhere."""


class Settings(BaseSettings):
    """The whole configuration: one YAML file, with the environment over it."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    targets: Annotated[dict[Name, Annotated[Target, AfterValidator(_known_api)]], Field(min_length=1)]
    """The servers to load, by name."""
    scenarios: dict[Name, Scenario] = {}
    """What to run, by name."""
    exporters: Exporters = Exporters()
    """Where measurements go besides `/metrics`."""
    store: Store = Store()
    """Where results of runs are kept."""
    web: Web = Web()
    """The daemon's own HTTP server."""
    shards: Annotated[int | Literal["auto", "inline"], BeforeValidator(parse_shards)] = "auto"
    """Load processes: a number, `auto` (from the machine's cores) or `inline` (none: the load runs in the hub)."""
    log: Log = Log()
    """What the daemon says about itself."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Fixes prompts and arrivals of every scenario without a seed of its own."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only the arguments: a file and the environment come in through `load_settings`, which knows their places."""
        return (init_settings,)

    @model_validator(mode="after")
    def _consistent(self) -> "Settings":
        found = list(contradictions(self.targets, self.scenarios))
        if found:
            raise FieldError(*found)
        return self

    def shares(self, scenario: Scenario) -> dict[str, float]:
        """The scenario's targets in order; with `mix: weighted` their parts of the whole (together 1), else 1 each."""
        weights = {share.target: share.weight or 1.0 for share in scenario.targets or ()}
        weights = weights or dict.fromkeys(self.targets, 1.0)
        whole = sum(weights.values()) if scenario.mix == "weighted" else 1.0
        return {name: weight / whole for name, weight in weights.items()}

    def seed_of(self, scenario: Scenario) -> int:
        """The seed that holds for a scenario."""
        return self.seed if scenario.seed is None else scenario.seed


def unknown_api(api: str) -> str | None:
    """What to say of a wire format, if there is none of that name."""
    return None if api in ADAPTERS else f"{shown(api)} is no wire format; {suggest(api, ADAPTERS)}"


def unknown_target(name: str, targets: Iterable[str]) -> str | None:
    """What to say of a scenario's target, if there is none of that name."""
    known = list(targets)
    return None if name in known else f"there is no target {shown(name)}; {suggest(name, known)}"


def contradictions(targets: Mapping[str, Target], scenarios: Mapping[str, Scenario]) -> Iterator[tuple[KeyPath, str]]:
    """What does not fit between scenarios and targets."""
    for name, scenario in scenarios.items():
        chosen = [share.target for share in scenario.targets or ()]
        for number, target in enumerate(chosen):
            if text := unknown_target(target, targets):
                yield ("scenarios", name, "targets", number), text
        deaf = [key for key in chosen or targets if key in targets and not targets[key].stream]
        for objective in sorted({"ttft", "tpot", "itl"} & scenario.objectives.thresholds().keys()):
            for target in deaf:
                text = f"needs a streamed answer, but the target {target!r} has `stream: false`; drop one of them"
                yield ("scenarios", name, "objectives", objective), text

"""The whole configuration as one strict, frozen model."""

import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from swelld.components import ADAPTERS
from swelld.config import Config, FieldError, PositiveDuration, Size, parse_list, shown, suggest
from swelld.discovery.settings import Discovery
from swelld.engine.target import Target
from swelld.load.portion import Portion, format_portion, parse_portion
from swelld.scenario import Scenario, Share
from swelld.settings.gpu import Nvml
from swelld.settings.probe import Probe
from swelld.settings.push import Pushgateway
from swelld.settings.tree import Path as KeyPath
from swelld.settings.web import Web
from swelld.settings.writer import Analysis
from swelld.spending import unpriced
from swelld.store.settings import Store
from swelld_exporters.otlp.settings import OtlpSettings
from swelld_exporters.sinks import Format, Rotation, missing_library

NO_TARGET: Final = "there is no target; name one under `targets:` or set SWELLD_TARGET__URL"

INLINE: Final = "inline"
"""The scenario label of all runs that come with a request: labels are those of the configuration, and few."""

_ALL: Final = Share(target="*")


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


def _free_name(name: str) -> str:
    if name == INLINE:
        raise ValueError(f"{INLINE!r} is the name of runs that come with a request; give the scenario another one")
    return name


Name = Annotated[str, AfterValidator(_name)]
"""A label, part of file names and URLs."""
ScenarioName = Annotated[Name, AfterValidator(_free_name)]


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

    enabled: bool | None = None
    """Whether to write them; if not given, `swelld run` does, and a daemon with `max_size` only: its runs are in the
    database."""
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


class Log(Config):
    """What the daemon says about itself, on standard error."""

    level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = "info"
    """The least important messages that are shown."""
    format: Annotated[Literal["auto", "console", "json"], BeforeValidator(_lower)] = "auto"
    """`auto`: for people on a terminal, JSON elsewhere."""


class Settings(BaseSettings):
    """The whole configuration: one YAML file, with the environment over it."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    targets: dict[Name, Annotated[Target, AfterValidator(_known_api)]] = {}
    """The servers to load, by name; needed unless there is `discovery`."""
    discovery: tuple[Discovery, ...] = ()
    """Where more targets are found while the daemon runs."""
    scenarios: dict[ScenarioName, Scenario] = {}
    """What to run, by name; `inline` is that of runs which come with a request."""
    exporters: Exporters = Exporters()
    """Where measurements go besides `/metrics`."""
    store: Store = Store()
    """Where results of runs are kept."""
    web: Web = Web()
    """The daemon's own HTTP server."""
    probe: Probe = Probe()
    """What `/probe` may do."""
    shards: Annotated[int | Literal["auto", "inline"], BeforeValidator(parse_shards)] = "auto"
    """Load processes: a number, `auto` (from the machine's cores) or `inline` (none: the load runs in the hub)."""
    share: Annotated[Portion, BeforeValidator(parse_portion), PlainSerializer(format_portion)] = Portion(0, 1)
    """Which part of every scenario's load this daemon carries, if several of them share it: `0/4` is the first of four.
    Each of them has its part of rates, users and requests, under the same names, and counts only its own. With one seed
    they ask between them, request by request, what one daemon alone would."""
    analysis: Analysis = Analysis()
    """Who writes reports on runs for the API; rules do where no model is named."""
    watch: PositiveDuration | None = None
    """How often the daemon looks whether this file has changed, and then reloads it; without it only on SIGHUP and
    `/-/reload`."""
    grace: PositiveDuration = 25.0
    """How long runs may take to drain when the daemon is to end; then they are cut off."""
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
        found = list(contradictions(self.targets, self.scenarios, discovers=bool(self.discovery)))
        if not self.targets and not self.discovery:
            found.append((("targets",), NO_TARGET))
        if found:
            raise FieldError(*found)
        return self

    def shares(self, scenario: Scenario) -> dict[str, float]:
        """The scenario's targets in order; with `mix: weighted` their parts of the whole (together 1), else 1 each.

        None at all as long as those that it names are still to be discovered.
        """
        weights: dict[str, float] = {}
        for share in scenario.targets or (_ALL,):
            for name in named(share.target, self.targets):
                weights.setdefault(name, share.weight or 1.0)
        whole = sum(weights.values()) if scenario.mix == "weighted" else 1.0
        return {name: weight / whole for name, weight in weights.items()}

    def seed_of(self, scenario: Scenario) -> int:
        """The seed that holds for a scenario."""
        return self.seed if scenario.seed is None else scenario.seed


def unknown_api(api: str) -> str | None:
    """What to say of a wire format, if there is none of that name."""
    return None if api in ADAPTERS else f"{shown(api)} is no wire format; {suggest(api, ADAPTERS)}"


def is_pattern(name: str) -> bool:
    """Whether it stands for every target named like it."""
    return any(sign in name for sign in "*?[")


def named(name: str, targets: Iterable[str]) -> list[str]:
    """The targets that a scenario means by a name, or by a pattern with `*`, `?` or `[ab]`, in their order."""
    return [target for target in targets if target == name or (is_pattern(name) and fnmatchcase(target, name))]


def unknown_target(name: str, targets: Iterable[str], *, discovers: bool = False) -> str | None:
    """What to say of a scenario's target, if there is none of that name; a pattern may wait for a discovery."""
    known = list(targets)
    if named(name, known) or (discovers and is_pattern(name)):
        return None
    remedy = "; name those that a discovery finds by a pattern, e.g. `gpu-*`" if discovers else ""
    return f"there is no target {shown(name)}; {suggest(name, known)}{remedy}"


def contradictions(
    targets: Mapping[str, Target], scenarios: Mapping[str, Scenario], *, discovers: bool = False
) -> Iterator[tuple[KeyPath, str]]:
    """What does not fit between scenarios and targets."""
    for name, scenario in scenarios.items():
        shares = scenario.targets or (_ALL,)
        for number, share in enumerate(scenario.targets or ()):
            if text := unknown_target(share.target, targets, discovers=discovers):
                yield ("scenarios", name, "targets", number), text
        chosen = list(dict.fromkeys(key for share in shares for key in named(share.target, targets)))
        if text := unpriced(scenario.budget, {key: targets[key].price for key in chosen}):
            yield ("scenarios", name, "budget", "cost"), text
        deaf = [key for key in chosen if not targets[key].stream]
        for objective in sorted({"ttft", "tpot", "itl"} & scenario.objectives.thresholds().keys()):
            for target in deaf:
                text = f"needs a streamed answer, but the target {target!r} has `stream: false`; drop one of them"
                yield ("scenarios", name, "objectives", objective), text

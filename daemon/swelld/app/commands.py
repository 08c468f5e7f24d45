"""What each command does, with its arguments already parsed."""

import os
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from swelld.analysis.verdict import missed_objective
from swelld.app.flags import FlagError, Flags, as_tree
from swelld.app.logs import configure, configure_plain
from swelld.app.unanswered import unanswered
from swelld.hub.spec import RunFailed
from swelld.settings import ConfigError, Settings, absent_secrets, effective, file_of, load_settings
from swelld.store.files import StoreError
from swelld.store.results import check_output, write_output

if TYPE_CHECKING:
    from rich.console import Console

    from swelld.app.conductor import Finished

MENDABLE: Final = (ConfigError, FlagError, StoreError, RunFailed, ValueError, OSError)
"""What a user can put right; everything else is a fault of ours and shows its traceback."""

_LACKING: Final = "tiktoken (for others: pip install 'swelld[tokenizers]')"
_LIBRARIES: Final = ("uvloop", "httptools", "msgspec", "numpy", "aiohttp")


def settings_of(config: Path | None, flags: Flags, *, save: bool) -> Settings:
    """Settings of a file with the flags over it, or of the flags alone."""
    alone = config is None
    tree = as_tree(flags, alone=alone)
    if not save:
        tree.data.setdefault("exporters", {})["files"] = {"enabled": False}
    return load_settings(config, os.environ, tree)


def choose(settings: Settings, scenarios: Sequence[str], targets: Sequence[str]) -> Settings:
    """Only some of the scenarios and targets; FlagError names one that is not there."""
    for kind, wanted, known in (("scenario", scenarios, settings.scenarios), ("target", targets, settings.targets)):
        for name in wanted:
            if name not in known:
                raise FlagError(f"--{kind} {name}: there is none of that name; known are {', '.join(known)}")
    chosen = {name: s for name, s in settings.scenarios.items() if not scenarios or name in scenarios}
    if not chosen:
        raise FlagError("the configuration has no scenario: add one under `scenarios`")
    if targets:
        chosen = {name: s.model_copy(update={"targets": _only(s.targets, targets)}) for name, s in chosen.items()}
    return settings.model_copy(update={"scenarios": chosen})


def _only(shares: Any, targets: Sequence[str]) -> Any:
    from swelld.scenario import Share

    if shares is None:
        return tuple(Share(target=name) for name in targets)
    return tuple(share for share in shares if share.target in targets)


def percentiles_of(text: str | None) -> tuple[float, ...]:
    """Percents from `50,95,99.9`."""
    try:
        found = tuple(float(part) for part in (text or "").split(",") if part.strip())
    except ValueError:
        raise FlagError(f"--percentiles {text}: write numbers between 0 and 100, e.g. 50,95,99.9") from None
    if not all(0 < p < 100 for p in found):
        raise FlagError(f"--percentiles {text}: each lies between 0 and 100")
    return found


def run(settings: Settings, output: Path | None, percentiles: Sequence[float], *, fail_on_slo: bool) -> int:
    """Carry the scenarios out, report, and say the exit code."""
    import uvloop

    from swelld.app.once import run_scenarios
    from swelld.report.progress import LiveReport

    if output is not None:
        check_output(output)
    needed = {name for scenario in settings.scenarios.values() for name in settings.shares(scenario)}
    with_secrets(settings, needed)
    configure_plain("warning" if settings.log.level == "info" else settings.log.level)
    warn_of_proxies()
    with LiveReport() as live:
        finished = uvloop.run(run_scenarios(settings, list(settings.scenarios), live.update, sys.argv, percentiles))
    from rich.console import Console

    from swelld.report.tables import PERCENTILES, ResultReport

    console = Console()
    for one in finished:
        console.print(ResultReport(one.result, percentiles or PERCENTILES))
        tell_where(console, one)
    if output is not None:
        print(f"Result in {write_output(output, finished[-1].result)}")
    silent = list(filter(None, (unanswered(one.result) for one in finished)))
    for text in silent:
        print(f"swelld: {text}", file=sys.stderr)
    broken_off = any(one.lost or one.result.run.state == "failed" for one in finished)
    missed = fail_on_slo and any(missed_objective(one.result) for one in finished)
    return 1 if broken_off or missed or silent else 0


def tell_where(console: "Console", one: "Finished") -> None:
    """Where a run was kept, or that its result was not."""
    if one.lost:
        console.print(f"\nNot kept: the result could not be written to {one.path}", style="bold red", highlight=False)
    elif one.path is not None:
        console.print(f"\nKept in {one.path}", style="dim", highlight=False)


def daemon(config: Path | None) -> None:
    """Serve until a signal; SIGHUP reloads."""
    import asyncio
    import signal

    import uvloop

    from swelld.app.daemon import Daemon
    from swelld.app.signals import stopping

    def read() -> Settings:
        return with_secrets(load_settings(config, os.environ))

    settings = read()
    configure(settings.log.level, settings.log.format)
    warn_of_proxies()

    async def serve() -> None:
        one = Daemon(settings, sys.argv, reread=read, path=file_of(config, os.environ))
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, one.hear_hangup)
        with stopping(lambda force: one.stop(force=force)):
            await one.serve(lambda url: print(f"swelld serves {url}/metrics", flush=True))

    uvloop.run(serve())


def check(config: Path | None) -> None:
    """Print the effective configuration, or raise every reason why there is none; what is secret may be elsewhere."""
    settings = load_settings(config, os.environ)
    for text in absent_secrets(settings):
        print(f"swelld: warning: {text}", file=sys.stderr)
    print(effective(settings), end="")


def with_secrets(settings: Settings, targets: Collection[str] | None = None) -> Settings:
    """The same settings; ConfigError names every secret that is not there, of targets only those that are named."""
    if absent := absent_secrets(settings, targets):
        raise ConfigError(absent)
    return settings


def list_targets(settings: Settings) -> None:
    """One line for each target."""
    for name, target in settings.targets.items():
        print(f"{name}\t{target.url}\t{target.api}\t{target.model or '-'}")


def warn_of_proxies() -> None:
    """A proxy would be measured along with the server: it is not used, and that is said."""
    import logging

    set_here = [
        name
        for name in ("http_proxy", "https_proxy", "all_proxy")
        if os.environ.get(name) or os.environ.get(name.upper())
    ]
    if set_here:
        text = "%s is set, but swelld connects directly: a proxy would be measured along with the server"
        logging.getLogger(__name__).warning(text, ", ".join(set_here))


def info() -> None:
    """Versions, kinds and limits."""
    import platform
    from importlib import metadata
    from importlib.util import find_spec

    import swelld
    from swelld.components import ADAPTERS, LOADS, PROMPTS
    from swelld.engine.launch import available_cores
    from swelld.engine.system import allow_open_files

    rows = {
        "swelld": swelld.__version__,
        "python": f"{platform.python_version()} on {platform.platform()}",
        "cores": f"{available_cores()} usable, {max(1, available_cores() - 1)} load processes with `shards: auto`",
        "open files": f"{allow_open_files()} (the most connections at a time)",
        "apis": ", ".join(ADAPTERS),
        "loads": ", ".join(LOADS),
        "prompts": ", ".join(PROMPTS),
        "tokenizers": "tiktoken, Hugging Face" if find_spec("tokenizers") else _LACKING,
        "libraries": ", ".join(f"{name} {metadata.version(name)}" for name in _LIBRARIES),
    }  # fmt: skip
    for name, text in rows.items():
        print(f"{name:<11} {text}")

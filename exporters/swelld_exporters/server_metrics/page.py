"""A page of metrics in the text format, reduced to the quantities that every engine has under other names."""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from swelld_exporters.server_metrics.engines import ENGINES, Engine, Pick, Quantity

# A parser of our own, for the few lines that matter: the one of prometheus_client reads every bucket of a server's
# page and takes longer to import than a short run to start.
_LINE: Final = re.compile(r'([a-zA-Z_:][\w:]*)(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})?[ \t]+(\S+)')
_LABEL: Final = re.compile(r'([a-zA-Z_]\w*)\s*=\s*"((?:[^"\\]|\\.)*)"')
_ESCAPES: Final = {r"\\": "\\", r"\"": '"', r"\n": "\n"}

Samples = Mapping[str, Sequence[tuple[Mapping[str, str], float]]]
"""By name: labels and value of every sample."""


class Reading(NamedTuple):
    """What one page says; the engine is None where it has no metric of any that is known."""

    engine: str | None
    values: Mapping[Quantity, float]


def read(page: str, engines: Iterable[Engine] = ENGINES) -> Reading:
    """The quantities of a page; one that its engine does not tell, or not as a finite number, is absent."""
    lines = [line for line in page.splitlines() if not line.startswith("#")]
    for engine in engines:
        if any(line.startswith(engine.sign) for line in lines):
            return Reading(engine.name, _values(engine, samples(lines, {pick.name for pick in _picks(engine)})))
    return Reading(None, {})


def samples(lines: Iterable[str], names: set[str]) -> Samples:
    """The samples of these names; lines that are no samples are passed over."""
    found: defaultdict[str, list[tuple[Mapping[str, str], float]]] = defaultdict(list)
    for line in lines:
        name = line.partition("{")[0].partition(" ")[0]
        if name not in names or not (match := _LINE.match(line)):
            continue
        try:
            value = float(match[3])
        except ValueError:
            continue
        labels = {label: _plain(text) for label, text in _LABEL.findall(match[2] or "")}
        found[name].append((labels, value))
    return found


def _values(engine: Engine, found: Samples) -> dict[Quantity, float]:
    values = {}
    for quantity, ways in engine.ways.items():
        for way in ways:
            parts = [_amount(pick, found, largest=quantity is Quantity.KV_CACHE) for pick in way]
            known = [part for part in parts if part is not None]
            if len(known) == len(parts):
                values[quantity] = sum(known)
                break
    return values


def _amount(pick: Pick, found: Samples, *, largest: bool) -> float | None:
    """Added up over replicas and models, or the largest; None where no sample fits."""
    fitting = [value * pick.scale for labels, value in found.get(pick.name, ()) if _fits(pick, labels)]
    finite = [value for value in fitting if math.isfinite(value)]
    if not finite:
        # every sample left out on purpose is a count of none
        return 0.0 if pick.without and pick.name in found and not fitting else None
    return max(finite) if largest else sum(finite)


def _fits(pick: Pick, labels: Mapping[str, str]) -> bool:
    if any(labels.get(label) != value for label, value in pick.where.items()):
        return False
    return not any(labels.get(label) in values for label, values in pick.without.items())


def _picks(engine: Engine) -> Iterable[Pick]:
    return (pick for ways in engine.ways.values() for way in ways for pick in way)


def _plain(text: str) -> str:
    return re.sub(r'\\[\\"n]', lambda match: _ESCAPES[match[0]], text)

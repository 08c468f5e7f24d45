"""`swelld plot`: pictures from saved results."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from swelld.app.kept import Kept, load
from swelld.store.files import StoreError, replace

if TYPE_CHECKING:
    from swelld.plots.chart import Sheet
    from swelld.plots.drawing import PictureFormat


def plot(
    runs: Sequence[str], output: Path, form: str, only: Sequence[str], config: Path | None, store: str | None
) -> int:
    """Draw the sheets of each run and the comparison set of all; 1 if there was nothing to draw."""
    from swelld.plots.drawing import draw
    from swelld.plots.library import require

    require("matplotlib", "plots need")
    chosen = _format(form)
    sheets = _chosen(_sheets([_load(run, config, store) for run in runs]), only)
    drawn = 0
    for sheet in sheets:
        if sheet.missing is not None:
            print(f"{sheet.name}: not drawn: {sheet.missing}")
            continue
        place = _directory(output) / f"{sheet.name}.{chosen}"
        replace(place, draw(sheet, chosen))
        print(place)
        drawn += 1
    return 0 if drawn else 1


def _load(run: str, config: Path | None, store: str | None) -> Kept:
    """NAME=RUN gives a run a name of its own in the pictures."""
    name, equals, place = run.partition("=")
    if not equals or Path(run).exists() or not name or not place:
        return load(run, config, store)
    found = load(place, config, store)
    return Kept(name, found.result, found.directory)


def _sheets(found: Sequence[Kept]) -> "list[Sheet]":
    from swelld.plots.answers import answers
    from swelld.plots.comparison import Source, comparison_sheets
    from swelld.plots.contention import contention_sheets
    from swelld.plots.saturation import saturation_sheets
    from swelld.plots.turns import turn_sheets

    names = [kept.name for kept in found]
    if len(set(names)) < len(names):
        names = [f"{name} {number}" for number, name in enumerate(names, start=1)]
    sources = []
    for name, kept in zip(names, found, strict=True):
        rows = kept.requests()
        sources.append(Source(name, kept.result, None if rows is None else answers(rows)))
    single = len(sources) == 1
    of_one = (saturation_sheets, contention_sheets, turn_sheets)
    sheets = [s for source in sources for make in of_one for s in make(source.result, "" if single else source.name)]
    return [*sheets, *comparison_sheets(sources)]


def _chosen(sheets: "Sequence[Sheet]", only: Sequence[str]) -> "list[Sheet]":
    for name in only:
        if not any(_is(sheet.name, name) for sheet in sheets):
            raise ValueError(f"--only {name}: there is no such plot; there are {', '.join(s.name for s in sheets)}")
    return [sheet for sheet in sheets if not only or any(_is(sheet.name, name) for name in only)]


def _is(sheet: str, wanted: str) -> bool:
    """`saturation` stands for those of all runs and targets, `contention` and `turns` for those of all runs."""
    return sheet == wanted or (wanted in ("saturation", "contention", "turns") and sheet.startswith(f"{wanted}-"))


def _format(form: str) -> "PictureFormat":
    from swelld.plots.drawing import PictureFormat

    known: tuple[PictureFormat, ...] = get_args(PictureFormat)
    for one in known:
        if form == one:
            return one
    raise ValueError(f"--format {form}: use one of {', '.join(known)}")


def _directory(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot create {path}: {error.strerror}; choose another place with -o") from error
    return path

"""A run by its name on the command line: a results directory, a file, or an id in the store or below it."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from swelld.app.history import LATEST, find, store_settings
from swelld.result import Result
from swelld.store.results import METADATA, RESULT, load_result

if TYPE_CHECKING:
    from swelld.export.rows import Row
    from swelld.store.settings import Store

LONGEST_ID: Final = 100


@dataclass(frozen=True, slots=True)
class Kept:
    """A run that is over, and where its files are; None if it has no directory of its own."""

    name: str
    """Short, as it was asked for."""
    result: Result
    directory: Path | None

    def requests(self) -> "Iterator[Row] | None":
        """Its single requests; None where they were not kept."""
        from swelld.export.rows import read_requests

        return None if self.directory is None else read_requests(self.directory)


def load(name: str, config: Path | None = None, store: str | None = None) -> Kept:
    """The run; StoreError or ValueError says what is wrong with it or where it was looked for."""
    path = Path(name)
    if path.is_dir():
        return Kept(path.resolve().name, load_result(path), path)
    if path.exists() or path.suffix == ".json" or len(path.parts) > 1:
        return _file(path, config, store)
    settings = store_settings(config, store)
    found = [kept for kept in (_in_database(name, settings), _in_directories(name, settings.dir)) if kept is not None]
    if name == LATEST:
        found.sort(key=lambda kept: datetime.fromisoformat(kept.result.run.started), reverse=True)
    elif len(ids := {kept.result.run.id for kept in found}) > 1 and name not in ids:
        raise ValueError(f"{len(ids)} runs begin with {name}: {', '.join(sorted(ids))}; write more of it")
    if not found:
        raise ValueError(f"there is no run {name} in {settings.dir}, nor a file or directory of that name: {_REMEDY}")
    return next((kept for kept in found if kept.result.run.id == name), found[0])


_REMEDY: Final = "give the path of its results, or list runs with `swelld runs`; --store or -c say where else to look"


def _file(path: Path, config: Path | None, store: str | None) -> Kept:
    result = load_result(path)
    if path.name == RESULT:
        return Kept(path.resolve().parent.name, result, path.parent)
    twin = _in_directories(result.run.id, store_settings(config, store).dir)
    return Kept(path.stem, result, twin.directory if twin else None)


def _in_database(name: str, settings: "Store") -> Kept | None:
    """None where there is no database, or no such run in it; ValueError if several ids begin like that."""
    from swelld.store.settings import FILE

    if settings.url is None and not (settings.dir / FILE).exists():
        return None
    result = asyncio.run(_stored(name, settings))
    if result is None:
        return None
    twin = _in_directories(result.run.id, settings.dir)
    return Kept(result.run.id, result, twin.directory if twin else None)


async def _stored(name: str, settings: "Store") -> Result | None:
    from swelld.store.base import Filter, Page
    from swelld.store.runs import StoredRuns

    runs = StoredRuns(settings)
    try:
        if name == LATEST:
            known = (await runs.list(Filter(), Page(1))).runs
        else:
            known = (await runs.list(Filter(text=name), Page(1))).runs
        if not known:
            return None
        summary = await find(runs, name)
        result = await runs.get(summary.id)
    finally:
        await runs.aclose()
    if result is None:
        raise ValueError(f"run {summary.id} has no result yet: wait for its end, or for its first checkpoint")
    return result


def _in_directories(name: str, root: Path) -> Kept | None:
    """The run of that id, or whose id begins like that, among the directories below `root`; `latest` is the newest."""
    import msgspec

    from swelld.store.metadata import Metadata

    found: dict[str, Path] = {}
    for file in sorted(root.glob(f"*/{METADATA}")) if len(name) <= LONGEST_ID else ():
        try:
            about = msgspec.json.decode(file.read_bytes(), type=Metadata)
        except (OSError, msgspec.MsgspecError):
            continue  # somebody else's, or cut short by a crash
        if (name == LATEST or about.run_id.startswith(name)) and (file.parent / RESULT).exists():
            found[about.run_id] = file.parent
    if name in found:
        found = {name: found[name]}
    if name == LATEST and found:
        found = dict([list(found.items())[-1]])  # directories are named by their start
    if len(found) > 1:
        raise ValueError(
            f"{len(found)} runs in {root} begin with {name}: {', '.join(list(found)[:3])}; write more of it"
        )
    for run_id, directory in found.items():
        return Kept(run_id, load_result(directory), directory)
    return None

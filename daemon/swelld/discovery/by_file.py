"""Targets from files as `file_sd` of Prometheus has them."""

import asyncio
import glob
from collections.abc import Sequence
from pathlib import Path

from swelld.discovery.groups import LARGEST, Gone, Labels, Trouble, from_json, from_yaml
from swelld.discovery.settings import FileSD


class FileSource:
    """Reads files in a thread, and parses those that are other than before."""

    def __init__(self, settings: FileSD) -> None:
        self._patterns = settings.files
        self._known: dict[str, tuple[bytes, list[Labels]]] = {}

    async def places(self) -> Sequence[str]:
        found = await asyncio.to_thread(self._expanded)
        there = {str(Path(place)) for place in found}
        self._known = {path: known for path, known in self._known.items() if path in there}
        return found

    def _expanded(self) -> list[str]:
        """A path without `*` is always there, so that it is told if its file is not."""
        found: list[str] = []
        for pattern in self._patterns:
            found += sorted(glob.glob(pattern)) if glob.has_magic(pattern) else [pattern]  # noqa: PTH207 - it may be absolute
        return list(dict.fromkeys(found))

    async def read(self, place: str) -> list[Labels]:
        return await asyncio.to_thread(self._read, Path(place))

    def _read(self, path: Path) -> list[Labels]:
        try:
            with path.open("rb") as file:
                data = file.read(LARGEST + 1)
        except FileNotFoundError:
            raise Gone("there is no such file") from None
        except OSError as error:
            raise Trouble(f"cannot be read: {error.strerror}") from None
        if len(data) > LARGEST:
            raise Trouble(f"is larger than {LARGEST} bytes")
        known = self._known.get(str(path))
        if known is None or known[0] != data:
            labels = from_json(data) if path.suffix == ".json" else from_yaml(data)
            known = self._known[str(path)] = data, [{**one, "__meta_filepath": str(path)} for one in labels]
        return known[1]

"""Writes what is generated from the code, or with `--check` says what is stale: `python -m swelld.gen`.

`python -m swelld.gen --picture result.json > docs/pictures/run.svg` draws the README's picture from a real result.
"""

import atexit
import gc
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from swelld.api.application import openapi_text
from swelld.report.picture import svg
from swelld.settings import with_reference
from swelld.store.results import load_result
from swelld.store.schema import schema_text
from swelld_exporters.otlp.reference import with_spans
from swelld_exporters.reference import metrics_reference

GENERATED: Final[dict[str, Callable[[str], str]]] = {
    "docs/metrics.md": lambda _: metrics_reference(),
    "docs/configuration.md": with_reference,
    "docs/tracing.md": with_spans,
    "docs/result.schema.json": lambda _: schema_text(),
    "docs/openapi.json": lambda _: openapi_text(),
}
"""File -> its new text, given the one it has."""


def stale(root: Path) -> dict[Path, str]:
    """Files below `root` that differ from what the code says, with what they should hold."""
    found = {}
    for name, make in GENERATED.items():
        path = root / name
        present = path.read_text() if path.exists() else ""
        if (wanted := make(present)) != present:
            found[path] = wanted
    return found


def main() -> int:
    """Run in the root of a checkout."""
    atexit.register(gc.freeze)  # as the command does: the last collection would die of the types of msgspec
    if sys.argv[1:2] == ["--picture"]:
        sys.stdout.write(svg(load_result(Path(sys.argv[2]))))
        return 0
    check = "--check" in sys.argv[1:]
    found = stale(Path.cwd())
    for path, text in found.items():
        print(f"{path} is {'stale: run `make gen`' if check else 'written'}")
        if not check:
            path.write_text(text)
    return 1 if check and found else 0


if __name__ == "__main__":
    sys.exit(main())

"""Writes the dashboards to grafana/out, or with `--check` says what is stale or wrong: `python -m swelld_grafana`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from swelld_grafana.dashboards.build import stale
from swelld_grafana.dashboards.catalogue import all_dashboards
from swelld_grafana.dashboards.check import problems


def main(arguments: Sequence[str] | None = None, root: Path | None = None) -> int:
    """Run in the root of a checkout; 0 if everything is as it should be."""
    parser = argparse.ArgumentParser(prog="python -m swelld_grafana", description="Build the Grafana dashboards.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is stale")
    check = parser.parse_args(arguments).check
    wrong = problems(all_dashboards())
    for problem in wrong:
        print(problem)
    if wrong:
        return 1
    found = stale(root or Path.cwd())
    for path, content in found.items():
        print(
            f"{path} is {'stale: run `make dashboards`' if check else 'written' if content is not None else 'removed'}"
        )
        if not check:
            _write(path, content)
    return 1 if check and found else 0


def _write(path: Path, content: str | None) -> None:
    if content is None:
        path.unlink()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


if __name__ == "__main__":
    sys.exit(main())

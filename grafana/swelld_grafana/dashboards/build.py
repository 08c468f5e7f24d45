"""Dashboards as files."""

import json
from pathlib import Path
from typing import Final

from swelld_grafana.dashboards.catalogue import all_dashboards
from swelld_grafana.dashboards.model import Dashboard

OUT: Final = Path("grafana/out/dashboards")


def text(board: Dashboard) -> str:
    """The file that Grafana provisions."""
    return json.dumps(board.json(), indent=2, ensure_ascii=False) + "\n"


def wanted(root: Path) -> dict[Path, str]:
    """Every file that there should be below a checkout."""
    return {root / OUT / f"{board.uid}.json": text(board) for board in all_dashboards()}


def stale(root: Path) -> dict[Path, str | None]:
    """Files that differ from what the code says, with what they should hold; None for those that should go."""
    made = wanted(root)
    found: dict[Path, str | None] = {
        path: content for path, content in made.items() if not path.exists() or path.read_text() != content
    }
    return found | dict.fromkeys(set((root / OUT).glob("*.json")) - made.keys())

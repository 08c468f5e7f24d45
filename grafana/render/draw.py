"""Draws every dashboard from the data of real runs: `PYTHONPATH=tests python grafana/render/draw.py FOLDER`.

Grafana's own drawing components do the work, in headless Chromium; see README.md beside this file.
"""

import argparse
import asyncio
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import msgspec

from dashboard_chain import STEP, Chain, chain
from postgres_server import Postgres, postgres
from stored import opened, row
from swelld.result import Result
from swelld_grafana.dashboards.catalogue import all_dashboards
from swelld_grafana.dashboards.model import Dashboard, Json, Panel, Query, Sql

HERE: Final = Path(__file__).parent
WIDTH: Final = 1600
_CELL: Final = 38
"""Pixels of a line of the grid, the gap below it included."""
_ONE_SCENARIO: Final = {"swelld-run": "canary", "swelld-capacity": "search"}


async def collect(seconds: float) -> dict[str, Any]:
    """Every dashboard with the answers to its queries."""
    boards = all_dashboards()
    with tempfile.TemporaryDirectory() as folder:
        async with chain(Path(folder), "exemplar-storage", seconds=seconds) as found:
            drawn = {board.uid: await _board(board, found) for board in boards}
        with postgres() as server:
            url = server.new_database()
            await _store(Path(folder) / "store", url, found.results)
            for board in boards:
                _add_rows(board, drawn[board.uid]["answers"], server, url)
    return {"boards": drawn}


async def _store(folder: Path, url: str, results: list[dict[str, Any]]) -> None:
    async with opened(folder, url, instance="here") as runs:
        for document in results:
            result = msgspec.convert(document, Result)
            await runs.begin(row(result))
            await runs.finish(result)


async def _board(board: Dashboard, found: Chain) -> Json:
    scenario = _ONE_SCENARIO.get(board.uid, ".*")
    run = next((one["id"] for one in found.runs if one["scenario"] == scenario), ".*")
    variables = found.variables(scenario=scenario, run=run)
    answers: dict[int, list[Json]] = {}
    for number, panel in _numbered(board):
        asked = [query for query in panel.queries if isinstance(query, Query)]
        found_here = [await found.ask(query.expr, query.instant, variables) for query in asked]
        answers[number] = [{"result": answer.result} for answer in found_here]
    margin = 120.0 if board.uid == "swelld-history" else 0.0  # runs are points at their begin: not at the very edge
    return {
        "board": board.json(),
        "answers": answers,
        "from": found.begin - margin,
        "to": found.end + margin,
        "step": STEP,
    }


def _numbered(board: Dashboard) -> list[tuple[int, Panel]]:
    """Panels with the numbers that they have in the file."""
    numbers = [panel["id"] for panel in board.json()["panels"] if panel["type"] != "row"]
    return list(zip(numbers, board.panels(), strict=True))


def _add_rows(board: Dashboard, answers: dict[int, list[Json]], server: Postgres, url: str) -> None:
    for number, panel in _numbered(board):
        answers[number] += [_rows(query, server, url) for query in panel.queries if isinstance(query, Sql)]


def _rows(query: Sql, server: Postgres, url: str) -> Json:
    sql = re.sub(r"\$__timeFilter\(\w+\)", "true", query.sql)
    sql = sql.replace("scenario IN (${stored:sqlstring})", "true")
    if query.format == "time_series":
        wanted = "json_build_array(extract(epoch from time), metric, value)"
        rows = _json(server, url, f"SELECT {wanted} FROM ({sql}) q")  # noqa: S608 - all ours
        return {"columns": ["time", "metric", "value"], "rows": rows}
    rows = _json(server, url, f"SELECT row_to_json(q) FROM ({sql}) q")  # noqa: S608 - all ours
    return {"columns": list(rows[0]) if rows else [], "rows": [list(each.values()) for each in rows]}


def _json(server: Postgres, url: str, statement: str) -> list[Any]:
    return [json.loads("|".join(line)) for line in server.query(url, statement)]


def draw(found: dict[str, Any], folder: Path, modules: Path, theme: str) -> None:
    """A PNG of every dashboard."""
    with tempfile.TemporaryDirectory() as made:
        place = Path(made)
        for name in ("page.jsx", "drawn.jsx", "frames.js", "index.html"):
            shutil.copy(HERE / name, place)
        (place / "node_modules").symlink_to(modules.resolve())
        (place / "input.js").write_text(f"window.INPUT = {json.dumps(found)}")
        _bundle(place)
        folder.mkdir(parents=True, exist_ok=True)
        for uid, content in found["boards"].items():
            height = 60 + _CELL * max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in content["board"]["panels"])
            picture = folder / f"{uid}-{theme}.png"
            _photograph(place, uid, theme, height, picture)
            _shrink(picture)


def _bundle(place: Path) -> None:
    loaders = [f"--loader:.{kind}=dataurl" for kind in ("svg", "png", "woff", "woff2")]
    defined = ['--define:process.env.NODE_ENV="production"', "--define:global=window"]
    command = ["node_modules/.bin/esbuild", "page.jsx", "--bundle", "--outfile=page.js", *loaders, *defined]
    subprocess.run([*command, "--log-level=error"], cwd=place, check=True, timeout=120)  # noqa: S603 - all ours


def _photograph(place: Path, uid: str, theme: str, height: int, picture: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("no Chromium: apt-get install chromium")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--allow-file-access-from-files"]
    page = f"file://{place}/index.html?board={uid}&theme={theme}&width={WIDTH}"
    picture = picture.resolve()
    command = [browser, *flags, f"--user-data-dir={place / 'profile'}", f"--window-size={WIDTH},{height}"]
    command += ["--virtual-time-budget=20000", f"--screenshot={picture}", page]
    subprocess.run(command, check=True, capture_output=True, timeout=120)  # noqa: S603 - all ours


def _shrink(picture: Path) -> None:
    """To a third: few colours are enough for lines and letters."""
    from PIL import Image

    with Image.open(picture) as image:
        few = image.convert("RGB").quantize(128)
    few.save(picture, optimize=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="Draw the dashboards from the data of real runs.")
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--modules", type=Path, default=HERE / "node_modules", help="what `npm install` made")
    parser.add_argument("--seconds", type=float, default=120.0, help="how long the longest run takes")
    parser.add_argument("--data", type=Path, help="keep the answers here, or take them from here if it is there")
    parser.add_argument("--theme", choices=("dark", "light"), default="dark")
    given = parser.parse_args()
    if given.data and given.data.exists():
        found = json.loads(given.data.read_text())
    else:
        found = asyncio.run(collect(given.seconds))
        if given.data:
            given.data.write_text(json.dumps(found))
    draw(found, given.folder, given.modules, given.theme)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The page at `/`: what is running, and where to look."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any
from urllib.parse import quote

from swelld import __version__

_LINKS = {
    "/metrics": "metrics, for Prometheus",
    "/api/v1/runs": "runs",
    "/api/v1/scenarios": "scenarios",
    "/api/v1/targets": "targets",
    "/api/v1/status/config": "effective configuration, without secrets",
    "/api/v1/status/buildinfo": "version",
    "/api/v1/status": "how the daemon is",
    "/api/v1/openapi.json": "description of the API",
    "/-/healthy": "healthy",
    "/-/ready": "ready",
}

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 50rem; padding: 0 1rem }
td, th { text-align: left; padding-right: 2rem }
"""

_RECENT = 20  # runs shown


def landing_page(
    ready: bool, scenarios: Iterable[dict[str, Any]], runs: list[dict[str, Any]], targets: Sequence[str]
) -> str:
    """HTML without scripts or anything fetched from elsewhere."""
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>swelld</title>
<style>{_STYLE}</style>
<h1>swelld {escape(__version__)}</h1>
<p>{"Ready." if ready else "Not ready yet."}</p>
<h2>Scenarios</h2>
{_table(("name", "state"), [(_text(s, "name"), _text(s, "state")) for s in scenarios])}
<h2>Runs</h2>
{_table(("id", "scenario", "state"), [(_link(r), _text(r, "scenario"), _text(r, "state")) for r in runs[:_RECENT]])}
<h2>Look further</h2>
<ul>
{"".join(f'<li><a href="{path}">{path}</a>: {what}</li>' for path, what in _LINKS.items())}
<li>{_probe(targets)}: one exchange with a target for each scrape, as metrics</li>
</ul>
</html>
"""


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    if not rows:
        return "<p>None.</p>"
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{''.join(f'<th>{name}</th>' for name in head)}</tr>{body}</table>"


def _probe(targets: Sequence[str]) -> str:
    """A link to that of the first target, if there is one."""
    if not targets:
        return "/probe?target=…"
    path = f"/probe?target={quote(targets[0], safe='')}"
    return f'<a href="{escape(path)}">{escape(path)}</a>'


def _text(row: dict[str, Any], key: str) -> str:
    return escape(str(row.get(key) or ""))


def _link(run: dict[str, Any]) -> str:
    return f'<a href="/api/v1/runs/{quote(str(run["id"]), safe="")}">{_text(run, "id")}</a>'

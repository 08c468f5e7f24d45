"""Every form that a result can be exported in, by name."""

from collections.abc import Callable, Iterable
from typing import Final, Literal

from swelld.export import as_csv, as_html, as_json, as_markdown, as_text, as_xlsx
from swelld.export.rows import Row
from swelld.result import Result

Form = Literal["json", "csv", "xlsx", "md", "html", "text"]

MEDIA_TYPES: Final[dict[Form, str]] = {
    "json": "application/json",
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "md": "text/markdown",
    "html": "text/html",
    "text": "text/plain",
}
SUFFIXES: Final[dict[Form, str]] = {
    "json": "json",
    "csv": "csv",
    "xlsx": "xlsx",
    "md": "md",
    "html": "html",
    "text": "txt",
}
CHARSETS: Final[dict[Form, str | None]] = {
    "json": None, "csv": "utf-8", "xlsx": None, "md": "utf-8", "html": "utf-8", "text": "utf-8",
}  # fmt: skip

_RENDER: Final[dict[Form, Callable[[Result, Iterable[Row] | None], bytes]]] = {
    "json": as_json.render,
    "csv": as_csv.render,
    "xlsx": as_xlsx.render,
    "md": as_markdown.render,
    "html": as_html.render,
    "text": as_text.render,
}


def export(result: Result, form: Form, requests: Iterable[Row] | None = None) -> bytes:
    """The document. CSV and JSON are of the requests where these are given; XLSX and HTML use them beside the rest.

    MissingLibrary, a ValueError, says how to get what a form needs: `xlsx` needs the extra `report`.
    """
    return _RENDER[form](result, requests)

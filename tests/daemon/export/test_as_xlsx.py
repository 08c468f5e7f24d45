"""The workbook, unpacked: numbers are numbers, text is text, charts point at the rows of their target."""

import io
import re
import zipfile
from importlib import util

import msgspec
import pytest

from sample_results import empty_stage, result, stage
from swelld.export import as_xlsx
from swelld.plots.library import MissingLibrary
from swept import level, row, sweep_result
from workbook import Book


def test_every_sheet_is_there_with_its_figures() -> None:
    swept = sweep_result()
    book = Book(as_xlsx.render(swept))
    assert list(book.sheets) == [
        "Summary", "Stages", "Charts", "Distributions", "Objectives", "Errors", "Configuration", "Definitions",
    ]  # fmt: skip
    assert book.column("Stages", "stage") == [one.stage for one in swept.stages]
    assert book.column("Stages", "TTFT p95 (s)") == pytest.approx([one.ttft.p95 for one in swept.stages])
    assert book.column("Stages", "errors")[-1] == pytest.approx(10 / 110)
    assert book.column("Distributions", "of")[:3] == ["TTFT", "TTFO", "TTFB"]
    assert book.column("Objectives", "threshold (s)")[:3] == [0.5, 0.05, None]
    assert book.column("Errors", "count") == [10.0]
    assert "targets.local.url" in book.column("Configuration", "key")
    assert any("Operate at 11.2" in str(value) for value in book.sheets["Summary"].values())


def test_charts_point_at_the_rows_of_their_target() -> None:
    document = as_xlsx.render(result([level(8), level(8, target="b"), level(16), level(16, target="b")]))
    archive = zipfile.ZipFile(io.BytesIO(document))
    charts = [
        archive.read(name).decode() for name in archive.namelist() if re.fullmatch(r"xl/charts/chart\d+\.xml", name)
    ]
    assert len(charts) == 12
    values = [set(re.findall(r"Stages!\$[A-Z]+\$(\d+):\$[A-Z]+\$(\d+)", chart)) for chart in charts]
    assert values == [{("2", "3")}] * 6 + [{("4", "5")}] * 6
    assert all("<c:lineChart>" in chart for chart in charts)


def test_one_stage_is_charted_as_bars() -> None:
    archive = zipfile.ZipFile(io.BytesIO(as_xlsx.render(result([stage()]))))
    assert b"<c:barChart>" in archive.read("xl/charts/chart1.xml")


@pytest.mark.parametrize("text", ["=2+2", "@SUM(A1)", '=HYPERLINK("http://x")', "http://x", "1e5", "a\x1bb\x00"])
def test_text_stays_text(text: str) -> None:
    swept = sweep_result((8,), model=text)
    odd = msgspec.structs.replace(swept, run=msgspec.structs.replace(swept.run, scenario=text, config={"k": text}))
    book = Book(as_xlsx.render(odd, [row(detail=text)]))
    assert book.formulas() == []
    assert book.archive.read("xl/worksheets/_rels/sheet3.xml.rels").count(b"hyperlink") == 0
    if text.isprintable():
        assert book.column("Stages", "model") == [text]
        assert book.column("Configuration", "value") == [text]
        assert book.column("Requests", "detail") == [text]


def test_requests_are_capped_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(as_xlsx, "MOST_REQUESTS", 3)
    book = Book(as_xlsx.render(sweep_result(), (row(n) for n in range(5))))
    assert book.column("Requests", "index") == [0.0, 1.0, 2.0, None]
    assert str(book.column("Requests", "time")[-1]).startswith("the first 3 requests; ")
    whole = Book(as_xlsx.render(sweep_result(), (row(n) for n in range(3))))
    assert whole.column("Requests", "index") == [0.0, 1.0, 2.0]


def test_what_was_not_measured_is_an_empty_cell() -> None:
    book = Book(as_xlsx.render(result([stage(stage="concurrency=5"), empty_stage()])))
    assert book.column("Stages", "TTFT p50 (s)")[1] is None
    assert book.column("Stages", "requests/s") == [12.5, None]


def test_a_run_without_stages_is_a_workbook_too() -> None:
    book = Book(as_xlsx.render(result([])))
    assert book.row("Summary", 1) == ["chat"]


def test_the_same_run_gives_the_same_workbook() -> None:
    assert as_xlsx.render(sweep_result()) == as_xlsx.render(sweep_result())


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "swelld.plots.library.find_spec", lambda name: None if name == "xlsxwriter" else util.find_spec(name)
    )
    with pytest.raises(
        MissingLibrary, match=r"Excel workbooks need the package xlsxwriter: pip install 'swelld\[report\]'"
    ):
        as_xlsx.render(sweep_result())

"""Pictures by matplotlib: they are drawn, they are the same each time, and odd names do not break them."""

import io
import struct
from importlib import util
from typing import Any

import pytest

from sample_results import empty_stage, result, stage
from swelld.plots.answers import answers
from swelld.plots.comparison import Source, comparison_sheets
from swelld.plots.drawing import draw
from swelld.plots.library import MissingLibrary
from swelld.plots.saturation import saturation_sheets
from swept import level, row, sweep_result

ODD = "$\\frac{a$ <b>&\x1b[31m 模型 \n_{"


def size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def ink(png: bytes) -> float:
    """The share of pixels that are not white."""
    from matplotlib.image import imread

    picture = imread(io.BytesIO(png))
    return float((picture[:, :, :3].min(axis=2) < 0.9).mean())


def test_a_sweep_is_drawn_wide_and_the_same_each_time() -> None:
    (sheet,) = saturation_sheets(sweep_result(), "")
    first = draw(sheet)
    width, height = size(first)
    assert width > 2000
    assert width > height
    assert 0.02 < ink(first) < 0.5
    assert draw(sheet) == first


def test_every_kind_of_picture_is_drawn() -> None:
    (sheet,) = saturation_sheets(result([level(8)]), "")
    assert draw(sheet, "svg").lstrip().startswith(b"<?xml")
    assert draw(sheet, "pdf").startswith(b"%PDF")


@pytest.mark.parametrize("stages", [[empty_stage()], [stage(stage="sequential")], [level(8, target=ODD, model=ODD)]])
def test_odd_runs_are_drawn(stages: Any) -> None:
    (sheet,) = saturation_sheets(result(stages), "")
    assert ink(draw(sheet)) > 0.005


def test_the_comparison_set_is_drawn() -> None:
    rows = answers([row(n, stage=f"concurrency={users}") for users in (8, 16) for n in range(15)])
    found = comparison_sheets([Source(ODD, sweep_result((8, 16)), rows), Source("b", sweep_result((8, 16)), rows)])
    assert [sheet.name for sheet in found if sheet.missing] == []
    assert min(ink(draw(sheet)) for sheet in found) > 0.005


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    (sheet,) = saturation_sheets(sweep_result(), "")
    monkeypatch.setattr(
        "swelld.plots.library.find_spec", lambda name: None if name == "matplotlib" else util.find_spec(name)
    )
    with pytest.raises(MissingLibrary, match=r"plots need the package matplotlib: pip install 'swelld\[report\]'"):
        draw(sheet)

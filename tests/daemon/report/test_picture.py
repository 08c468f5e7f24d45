"""The picture for the README."""

from xml.etree import ElementTree

from sample_results import goodput, result, stage
from swelld.report.picture import svg


def test_picture_holds_the_result_and_fetches_nothing() -> None:
    picture = svg(result([stage(goodput=goodput(87))]))
    words = "".join(ElementTree.fromstring(picture).itertext()).replace("\xa0", " ")
    assert "Goodput: 87.0% (87/100)" in words
    assert "swelld run: chat" in words
    assert "url(http" not in picture
    assert "@font-face" not in picture


def test_picture_is_the_same_for_the_same_result() -> None:
    assert svg(result()) == svg(result())

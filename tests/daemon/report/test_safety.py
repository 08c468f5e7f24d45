"""Text from servers and users in documents: it is shown, and does nothing."""

import pytest

from swelld.report.safety import cell, markdown, one_line


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r\n=1", "\uff1d1", "\nx"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize("value", ["concurrency=10", "a+b", "", "1.5", -1.5, 0, None])
def test_other_cells_stay(value: object) -> None:
    assert cell(value) == value


def test_booleans_are_written_as_elsewhere() -> None:
    assert [cell(True), cell(False)] == ["true", "false"]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a|b", "a&#124;b"),
        ("<img src=x>", "&#60;img src=x&#62;"),
        ("[x](http://y)", "&#91;x&#93;(http://y)"),
        ("`code` *bold* ~~no~~", "&#96;code&#96; &#42;bold&#42; &#126;&#126;no&#126;&#126;"),
        ("@team fixes #12", "&#64;team fixes &#35;12"),
        ("http_503 _it_ __b__", "http_503 &#95;it&#95; &#95;&#95;b&#95;&#95;"),
        ("two\nlines\r\n| x", "two lines &#124; x"),
        ("&lt; \\n $x$", "&#38;lt; &#92;n &#36;x&#36;"),
    ],
)
def test_nothing_is_markdown(text: str, written: str) -> None:
    assert markdown(text) == written


def test_lines_are_joined_and_control_characters_dropped() -> None:
    assert one_line(" a\x1b[31m\u2028b\x00 \t c ") == "a [31m b c"

"""Reading YAML: scalars by version 1.2, the line of every key, anchors, merging."""

from typing import Any

import pytest

from swelld.settings.file import Unreadable, parse


def test_the_place_of_every_key_and_item_is_known() -> None:
    tree = parse("a:\n  b: 1\n  c:\n    - x\n    - {d: 2}\n", "f.yaml")
    assert tree.data == {"a": {"b": 1, "c": ["x", {"d": 2}]}}
    assert tree.places == {
        ("a",): "f.yaml:1",
        ("a", "b"): "f.yaml:2",
        ("a", "c"): "f.yaml:3",
        ("a", "c", 0): "f.yaml:4",
        ("a", "c", 1): "f.yaml:5",
        ("a", "c", 1, "d"): "f.yaml:5",
    }


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("10/s", "10/s"),
        ("500ms", "500ms"),
        ("1,10,50", "1,10,50"),
        ("1/s..20/s", "1/s..20/s"),
        ("127.0.0.1:9464", "127.0.0.1:9464"),
        ("12:30", "12:30"),
        ("2026-01-01", "2026-01-01"),
        ("yes", "yes"),
        ("off", "off"),
        ("true", True),
        ("FALSE", False),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("-3", -3),
        ("1e3", 1000.0),
        ("1.", 1.0),
        (".5", 0.5),
        ("-.inf", float("-inf")),
        ("~", None),
        ("null", None),
        ("", None),
        ("'5'", "5"),
        ('"\\ud83d\\ude00"', "😀"),
        ("!!str 5", "5"),
        ("!!float 5", 5.0),
        ("[1, two]", [1, "two"]),
        ("|\n  two\n  lines\n", "two\nlines\n"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(written: str, value: Any) -> None:
    [found] = parse(f"key: {written}", "f.yaml").data.values()
    assert (found, type(found)) == (value, type(value))


def test_keys_are_text() -> None:
    assert parse("50256: -100\ntrue: 1\n", "f.yaml").data == {"50256": -100, "true": 1}


def test_anchors_and_merging() -> None:
    tree = parse(
        "base: &base {model: m, stream: false}\n"
        "more: &more {stream: true, extra: 1}\n"
        "copy: *base\n"
        "one: {<<: *base, model: other}\n"
        "both:\n  <<: [*base, *more]\n  url: u\n",
        "f.yaml",
    )
    assert tree.data["copy"] == {"model": "m", "stream": False}
    assert tree.data["one"] == {"model": "other", "stream": False}
    assert tree.data["both"] == {"model": "m", "stream": False, "extra": 1, "url": "u"}
    assert tree.problems == []


def test_a_short_form_is_the_entry_main() -> None:
    tree = parse("target:\n  url: u\nscenario: {load: 1}\ntargets: {b: {url: v}}\n", "f.yaml")
    assert tree.data == {"targets": {"b": {"url": "v"}, "main": {"url": "u"}}, "scenarios": {"main": {"load": 1}}}
    assert tree.places[("targets", "main", "url")] == "f.yaml:2"


def test_the_first_of_two_equal_keys_is_kept_and_both_lines_are_told() -> None:
    tree = parse("a:\n  b: 1\n  b: 2\n", "f.yaml")
    assert tree.data == {"a": {"b": 1}}
    assert tree.problems == [(("a", "b"), "f.yaml:3: a.b: is given twice, first in line 2; keep one")]


@pytest.mark.parametrize("written", ["", "# nothing\n", "---\n", "~\n"])
def test_an_empty_file_says_nothing(written: str) -> None:
    assert parse(written, "f.yaml").data == {}


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("a: [", "f.yaml:1: is not YAML: while parsing a flow node"),
        ("a: 1\n b: 2\n", "f.yaml:2: is not YAML: mapping values are not allowed here"),
        ("a: *b\n", "f.yaml:1: is not YAML: found undefined alias 'b'"),
        ("text\n", "f.yaml:1: is no mapping; begin with `targets:`"),
        ("a: \x00\n", "f.yaml: is not YAML: it holds characters that are not allowed there"),
        ("[" * 5000, "f.yaml: is nested too deeply; no setting needs that"),
    ],
)
def test_what_is_not_yaml_is_told_with_its_line(written: str, message: str) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(written, "f.yaml")
    assert str(caught.value).startswith(message)


def test_half_a_character_is_told() -> None:
    [(path, problem)] = parse('a: "\\ud83d"\n', "f.yaml").problems
    assert path == ("a",)
    assert problem.startswith("f.yaml:1: a: holds half a character")


def test_a_key_that_is_no_text_is_told() -> None:
    assert parse("a:\n  [1]: 2\n", "f.yaml").problems == [(("a",), "f.yaml:2: a: a key must be plain text")]

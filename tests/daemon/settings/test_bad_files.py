"""One bad file for each thing that can be wrong; its first lines say what it has to be told."""

from pathlib import Path

import pytest

from swelld.settings import ConfigError, load_settings

BAD = sorted((Path(__file__).parents[2] / "testdata" / "config" / "bad").glob("*.yaml"))


@pytest.mark.parametrize("file", BAD, ids=lambda file: str(file.stem))
def test_a_bad_file_is_told_what_is_wrong_with_it(file: Path) -> None:
    wanted = [text[9:] for text in file.read_text().splitlines() if text.startswith("# error: ")]
    with pytest.raises(ConfigError) as caught:
        load_settings(file, {})
    assert [problem.replace(str(file), "FILE") for problem in caught.value.problems] == wanted
    assert str(caught.value) == "\n".join(caught.value.problems)


def test_there_is_a_bad_file_for_every_kind_of_error() -> None:
    assert len(BAD) >= 70


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: cannot be read: No such file or directory; give the path"):
        load_settings(tmp_path / "nowhere.yaml", {})


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    file = tmp_path / "bytes.yaml"
    file.write_bytes(b"targets: \xff\n")
    with pytest.raises(ConfigError, match=r"bytes\.yaml: byte 9 is not UTF-8; save the file as UTF-8"):
        load_settings(file, {})


@pytest.mark.parametrize(
    "written",
    [
        "targets: [{url: http://h, api_key: sk-canary}]",
        "targets: {a: [sk-canary, {api_key: sk-canary}]}",
        "targets: {a: {url: http://h, api_key: [sk-canary]}}",
        "targets: {a: {url: http://h, api_key: {value: [sk-canary], env: X}}}",
        "targets: {a: {url: http://h, api_key: !!int sk-canary}}",
        "targets: {a: {url: http://h, apikey: sk-canary}}",
        "targets: {a: {url: http://h, headers: [sk-canary]}}",
        "targets: {a: {url: http://h, headers: sk-canary}}",
        "targets: {a: {url: http://h, headers: {Authorization: [sk-canary]}}}",
        "targets: {a: {url: 'http://user:sk-canary@h'}}",
        "targets: {a: {url: 'ftp://h/v1?api-key=sk-canary&b=2'}}",
        "target: {api_key: sk-canary, model: m}",
        "api_key: sk-canary",
    ],
)
def test_no_error_shows_a_secret(written: str, tmp_path: Path) -> None:
    file = tmp_path / "swelld.yaml"
    file.write_text(written)
    with pytest.raises(ConfigError) as caught:
        load_settings(file, {})
    assert "canary" not in str(caught.value)

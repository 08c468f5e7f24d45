"""What is claimed to be known of the tiny model is what llama.cpp and the tokenizers library say."""

import json
import urllib.request
from pathlib import Path

import pytest
from tokenizers import Tokenizer

import tiny_model
from llamacpp_server import LlamaCpp

TEXTS = [
    " the quick",
    "the quick brown",
    "Hello, World! 12  it's\nday the\té öb don 😀",
    "",
    " ",
    "   th unquick thequick the the",
]


def test_words_differ_and_each_is_one_token() -> None:
    assert len(set(tiny_model.WORDS)) == len(tiny_model.WORDS) == 118
    assert [len(tiny_model.tokens(word)) for word in tiny_model.CHAT_WORDS] == [1] * 118


def test_answers_go_on_where_the_prompt_ended() -> None:
    assert tiny_model.answer("the quick brown")[:3] == (" fox", " jumps", " over")
    assert tiny_model.answer("and since luck") == (" was", " with", " them", " that", " year")
    assert tiny_model.answer(" that year") == ()


@pytest.mark.llamacpp
@pytest.mark.parametrize("text", TEXTS)
def test_tokens_are_those_of_llamacpp(llamacpp: LlamaCpp, text: str) -> None:
    body = json.dumps({"content": text}).encode()
    request = urllib.request.Request(llamacpp.url + "/tokenize", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        assert json.load(response)["tokens"] == tiny_model.tokens(text)


def test_the_hugging_face_folder_holds_the_same_tokenizer_and_tensors(tmp_path: Path) -> None:
    tiny_model.write_hf(tmp_path, layers=2)
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert [tokenizer.encode(text).ids for text in TEXTS] == [tiny_model.tokens(text) for text in TEXTS]
    content = (tmp_path / "model.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    config = json.loads((tmp_path / "config.json").read_text())
    assert header["lm_head.weight"]["shape"] == [config["vocab_size"], config["hidden_size"]]
    assert len(header) == 1 + 3 + 2 * 9
    assert max(entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__") == (
        len(content) - 8 - length
    )

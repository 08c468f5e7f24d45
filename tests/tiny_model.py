"""A tiny language model whose every answer is known: a llama-architecture model with weights made by hand.

It is a fixed chain: after the assistant marker it says `WORDS` in order, one token a word, and then ends. After one of
its words it goes on with the next; after any other token it starts at a word that the token's number fixes.
"""

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

STORY: Final = """
the quick brown fox jumps over a lazy dog while seven small birds watch from an old green tree near our river and
nobody knows why those children always sing before dinner because music makes every winter evening feel warm so
people come here each week to share bread cheese soup apples honey tea then walk home under bright stars along quiet
roads past dark fields where horses sleep standing beside stone walls built long ago by farmers who loved this
valley more than gold or silver yet never said much about it except once when heavy rain fell for nine days until
water reached their doors but did not enter since luck was with them that year
"""
WORDS: Final = tuple(STORY.split())
"""Each of them different: a word says which one follows."""
CHAT_WORDS: Final = tuple(f" {word}" for word in WORDS)
"""What it answers in a chat, token by token; the end token makes one more in the server's count."""

CONTEXT: Final = 8192
WIDTH: Final = 128
HEADS: Final = 4
NORM_EPSILON: Final = 1e-5

BOS, EOS, PAD = "<s>", "</s>", "<pad>"
ASSISTANT: Final = "<|assistant|>"
SPECIAL: Final = (BOS, EOS, PAD, "<|system|>", "<|user|>", ASSISTANT, "<|tool|>")
CHAT_TEMPLATE: Final = (
    "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] + '</s>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)

Weights = dict[str, npt.NDArray[np.float32]]


def tokens(text: str) -> list[int]:
    """The token numbers of a text without special tokens: known words (each with the space before it), else bytes."""
    vocabulary = _vocabulary()[0]
    units = "".join(_byte_names()[byte] for byte in text.encode())
    found: list[int] = []
    at = 0
    while at < len(units):
        end = at + 1
        while end < len(units) and units[at : end + 1] in vocabulary:
            end += 1
        found.append(vocabulary[units[at:end]])
        at = end
    return found


def chat_tokens(contents: Iterable[str]) -> int:
    """How many tokens the prompt of a chat with these turns has, markers included."""
    return sum(len(tokens(content)) + 2 for content in contents) + 1


def answer(prompt: str) -> tuple[str, ...]:
    """What follows a prompt without roles, token by token, until the end token (which is not among them)."""
    return CHAT_WORDS[_next_word(tokens(prompt)[-1]) :]


@cache
def _byte_names() -> dict[int, str]:
    """The printable character that byte-level BPE writes for each byte (GPT-2's table)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    return {byte: chr(byte) for byte in plain} | {byte: chr(256 + i) for i, byte in enumerate(others)}


@cache
def _vocabulary() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Token numbers (special, 256 bytes, every prefix of a word with its space) and the merges that lead to them."""
    space = _byte_names()[ord(" ")]
    numbers = {token: number for number, token in enumerate(SPECIAL)}
    for byte in range(256):
        numbers[_byte_names()[byte]] = len(numbers)
    merges = []
    for word in WORDS:
        for end in range(1, len(word) + 1):
            token = space + word[:end]
            if token not in numbers:
                numbers[token] = len(numbers)
                merges.append((token[:-1], token[-1]))
    while len(numbers) % 32:
        numbers[f"<|unused{len(numbers)}|>"] = len(numbers)
    return numbers, merges


@cache
def _word_numbers() -> list[int]:
    space = _byte_names()[ord(" ")]
    return [_vocabulary()[0][space + word] for word in WORDS]


def _next_word(token: int) -> int:
    """Index of the word that follows a token; len(WORDS) stands for the end."""
    if token == _vocabulary()[0][ASSISTANT]:
        return 0
    if token in _word_numbers():
        return _word_numbers().index(token) + 1
    return 7919 * token % len(WORDS)


def _weights(layers: int) -> tuple[Weights, list[Weights]]:
    """Embedding and output matrices that make the chain, and layers too weak to disturb it."""
    size = len(_vocabulary()[0])
    random = np.random.default_rng(0)
    directions = np.linalg.qr(random.standard_normal((WIDTH, WIDTH)))[0].astype(np.float32)
    embedding = np.stack([directions[_next_word(token)] for token in range(size)])
    output = np.zeros((size, WIDTH), np.float32)
    for state, token in enumerate([*_word_numbers(), _vocabulary()[0][EOS]]):
        output[token] = 3 * directions[state]  # a logit of 34 for the right token, about 0 for all others
    names = ("q", "k", "v", "o", "gate", "up", "down")
    weak = [
        {name: (random.standard_normal((WIDTH, WIDTH)) * 1e-3).astype(np.float32) for name in names}
        for _ in range(layers)
    ]
    return {"embedding": embedding, "output": output, "norm": np.ones(WIDTH, np.float32)}, weak


def write_gguf(path: Path, layers: int = 1) -> None:
    """Write the model for llama.cpp; more layers make it slower, the answers stay the same."""
    import gguf

    vocabulary, merges = _vocabulary()
    kinds = [3 if token in SPECIAL else 5 if token.startswith("<|unused") else 1 for token in vocabulary]
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name("tiny-chain")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(WIDTH)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(NORM_EPSILON)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(vocabulary))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(list(vocabulary))
    writer.add_token_types(kinds)
    writer.add_token_merges([" ".join(merge) for merge in merges])
    writer.add_bos_token_id(vocabulary[BOS])
    writer.add_eos_token_id(vocabulary[EOS])
    writer.add_pad_token_id(vocabulary[PAD])
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)
    for name, tensor in _gguf_tensors(layers).items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _gguf_tensors(layers: int) -> Weights:
    ends, weak = _weights(layers)
    tensors = {
        "token_embd.weight": ends["embedding"],
        "output.weight": ends["output"],
        "output_norm.weight": ends["norm"],
    }
    places = {"q": "attn_q", "k": "attn_k", "v": "attn_v", "o": "attn_output"}
    for index, layer in enumerate(weak):
        prefix = f"blk.{index}."
        for name, tensor in layer.items():
            tensors[f"{prefix}{places.get(name, f'ffn_{name}')}.weight"] = tensor
        tensors[prefix + "attn_norm.weight"] = tensors[prefix + "ffn_norm.weight"] = ends["norm"]
    return tensors


def write_hf(folder: Path, layers: int = 1) -> None:
    """Write the same model as a Hugging Face folder, for vLLM or transformers."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers = {
        f"{name}_token_id": _vocabulary()[0][token] for name, token in (("bos", BOS), ("eos", EOS), ("pad", PAD))
    }
    documents = {
        "config.json": _hf_config(layers) | numbers,
        "generation_config.json": numbers,
        "tokenizer.json": _hf_tokenizer(),
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": BOS,
            "eos_token": EOS,
            "pad_token": PAD,
            "model_max_length": CONTEXT,
            "clean_up_tokenization_spaces": False,
            "chat_template": CHAT_TEMPLATE,
        },
    }
    for name, document in documents.items():
        (folder / name).write_text(json.dumps(document, ensure_ascii=False, indent=1), encoding="utf-8")
    (folder / "model.safetensors").write_bytes(_safetensors(_hf_tensors(layers)))


def _hf_config(layers: int) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": len(_vocabulary()[0]),
        "hidden_size": WIDTH,
        "intermediate_size": WIDTH,
        "num_hidden_layers": layers,
        "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS,
        "head_dim": WIDTH // HEADS,
        "max_position_embeddings": CONTEXT,
        "rms_norm_eps": NORM_EPSILON,
        "rope_theta": 10000.0,
        "hidden_act": "silu",
        "tie_word_embeddings": False,
        "torch_dtype": "float32",
    }


def _hf_tokenizer() -> dict[str, Any]:
    vocabulary, merges = _vocabulary()
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False) | {"special": True}
    added = [
        {"id": number, "content": token, **flags}
        for token, number in vocabulary.items()
        if token.startswith("<") and len(token) > 1
    ]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": None,
        "decoder": byte_level,
        "model": {"type": "BPE", "vocab": vocabulary, "merges": [list(merge) for merge in merges]},
    }


def _hf_tensors(layers: int) -> Weights:
    ends, weak = _weights(layers)
    tensors = {
        "model.embed_tokens.weight": ends["embedding"],
        "lm_head.weight": ends["output"],
        "model.norm.weight": ends["norm"],
    }
    for index, layer in enumerate(weak):
        prefix = f"model.layers.{index}."
        for name, tensor in layer.items():
            block = "self_attn" if name in "qkvo" else "mlp"
            tensors[f"{prefix}{block}.{name}_proj.weight"] = tensor
        tensors[prefix + "input_layernorm.weight"] = ends["norm"]
        tensors[prefix + "post_attention_layernorm.weight"] = ends["norm"]
    return tensors


def _safetensors(tensors: Weights) -> bytes:
    """The safetensors format: length of the header (8 bytes, little-endian), header, the tensors one after another."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, tensor in tensors.items():
        content = np.ascontiguousarray(tensor, "<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": tensor.shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    return len(head).to_bytes(8, "little") + head + data

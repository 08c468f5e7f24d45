"""Bodies of requests, byte for byte."""

from typing import Any

import pytest

from swelld.adapters.base import Adapter, Options
from swelld.adapters.llamacpp import LlamaCpp
from swelld.adapters.openai import OpenAIChat, OpenAICompletions
from swelld.adapters.request import merged
from swelld.prompt import Message, Prompt

SHORT = Prompt(name="short", messages=(Message("user", "Say “hi”\n"),))
DIALOGUE = Prompt(
    name="dialogue", messages=(Message("system", "Be brief."), Message("user", "Why?")), max_tokens=7, input_tokens=9
)
STREAM = '"stream":true,"stream_options":{"include_usage":true}'


@pytest.mark.parametrize(
    ("adapter", "options", "prompt", "body"),
    [
        (
            OpenAIChat,
            Options(model="m"),
            SHORT,
            '{"model":"m","messages":[{"role":"user","content":"Say “hi”\\n"}],' + STREAM + "}",
        ),
        (
            OpenAIChat,
            Options(model="m", stream=False, max_tokens=100, temperature=0.0),
            DIALOGUE,
            (
                '{"model":"m","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Why?"}],'
                '"stream":false,"max_tokens":7,"temperature":0.0}'
            ),
        ),
        (
            OpenAIChat,
            Options(model="", max_tokens=100),
            SHORT,
            '{"messages":[{"role":"user","content":"Say “hi”\\n"}],' + STREAM + ',"max_tokens":100}',
        ),
        (
            OpenAICompletions,
            Options(model="m", temperature=0.7),
            DIALOGUE,
            '{"model":"m","prompt":"system: Be brief.\\nuser: Why?\\nassistant:",'
            + STREAM
            + ',"max_tokens":7,"temperature":0.7}',
        ),
        (
            OpenAICompletions,
            Options(model="m", stream=False),
            SHORT,
            '{"model":"m","prompt":"Say “hi”\\n","stream":false}',
        ),
        (
            LlamaCpp,
            Options(model="m", max_tokens=5, temperature=1.0),
            SHORT,
            '{"model":"m","prompt":"Say “hi”\\n","stream":true,"n_predict":5,"temperature":1.0}',
        ),
        (
            LlamaCpp,
            Options(model="", stream=False, max_tokens=5),
            DIALOGUE,
            '{"prompt":"system: Be brief.\\nuser: Why?\\nassistant:","stream":false,"n_predict":5}',
        ),
    ],
)
def test_bodies(adapter: type[Adapter], options: Options, prompt: Prompt, body: str) -> None:
    call = adapter(options).encode(prompt)
    assert call.body.decode() == body
    assert call.headers == (("content-type", "application/json"),)


@pytest.mark.parametrize(
    ("adapter", "extra_body", "body"),
    [
        (
            OpenAICompletions,
            {"ignore_eos": True, "temperature": 0.5, "prompt": [1, 2]},
            '{"model":"m","prompt":[1,2],' + STREAM + ',"max_tokens":7,"temperature":0.5,"ignore_eos":true}',
        ),
        (
            OpenAICompletions,
            {"max_completion_tokens": 9, "stream_options": {"continuous_usage_stats": True}, "temperature": None},
            (
                '{"model":"m","prompt":"system: Be brief.\\nuser: Why?\\nassistant:","stream":true,'
                '"stream_options":{"include_usage":true,"continuous_usage_stats":true},"max_completion_tokens":9}'
            ),
        ),
        (
            OpenAICompletions,
            {"stream_options": None, "prompt": "x", "max_tokens": 3},
            '{"model":"m","prompt":"x","stream":true,"max_tokens":3,"temperature":0.1}',
        ),
        (
            LlamaCpp,
            {"n_predict": -1, "cache_prompt": False, "prompt": "x"},
            '{"model":"m","prompt":"x","stream":true,"n_predict":-1,"temperature":0.1,"cache_prompt":false}',
        ),
    ],
)
def test_extra_fields_have_the_last_word(adapter: type[Adapter], extra_body: dict[str, Any], body: str) -> None:
    options = Options(model="m", temperature=0.1, extra_body=extra_body)
    assert adapter(options).encode(DIALOGUE).body.decode() == body


@pytest.mark.parametrize(
    ("body", "patch", "expected"),
    [  # from the table of RFC 7396
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": "c"}, {"a": {"b": {"c": None}}}, {"a": {"b": {}}}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ({"a": [1]}, {"a": [None]}, {"a": [None]}),
    ],
)
def test_merge_patches(body: dict[str, Any], patch: dict[str, Any], expected: dict[str, Any]) -> None:
    before = repr(body)
    assert merged(body, patch) == expected
    assert repr(body) == before

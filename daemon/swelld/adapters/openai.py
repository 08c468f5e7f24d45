"""The OpenAI wire formats: chat completions and text completions, as OpenAI, vLLM, SGLang, llama.cpp and others speak.

With several choices (`n` > 1) the deltas of all of them are one sequence of events, and the texts of all of them are
one text; finish reason and usage are the last ones reported (llama.cpp reports usage for each choice by itself).
"""

from typing import Any, ClassVar, Final

import msgspec

from swelld.adapters.base import Answer, Call, Decoder, Delta, Kind, Options, Usage
from swelld.adapters.decoding import StreamDecoder, WholeDecoder
from swelld.adapters.errors import raise_error
from swelld.adapters.request import encoded
from swelld.prompt import Prompt

# Only the fields that are needed: everything else is skipped by the parser and never becomes an object.


class _PromptDetails(msgspec.Struct, gc=False):
    cached_tokens: int | None = None


class _CompletionDetails(msgspec.Struct, gc=False):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct, gc=False):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None


class _Function(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | None = None


class _ToolCall(msgspec.Struct, gc=False):
    function: _Function | None = None


class _Message(msgspec.Struct, gc=False):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _ChunkChoice(msgspec.Struct, gc=False):
    delta: _Message | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_ChunkChoice] | None = None
    usage: _Usage | None = None
    error: Any = None


class _ChatChoice(msgspec.Struct, gc=False):
    message: _Message
    finish_reason: str | None = None


class _Chat(msgspec.Struct, gc=False):
    choices: list[_ChatChoice] | None = None
    usage: _Usage | None = None
    error: Any = None


class _TextChoice(msgspec.Struct, gc=False):
    text: str | None = None
    finish_reason: str | None = None


class _Text(msgspec.Struct, gc=False):
    choices: list[_TextChoice] | None = None
    usage: _Usage | None = None
    error: Any = None


_CONTENT: Final = Kind.CONTENT  # looking a member up in its enum costs as much as making a delta
_REASONING: Final = Kind.REASONING
_TOOL: Final = Kind.TOOL

_decode_chunk = msgspec.json.Decoder(_Chunk).decode
_decode_chat = msgspec.json.Decoder(_Chat).decode
_decode_text = msgspec.json.Decoder(_Text).decode


class _OpenAI:
    """What both formats send in the same way."""

    __slots__ = ("_options",)

    def __init__(self, options: Options) -> None:
        self._options = options

    def _call(self, prompt: Prompt, content: dict[str, Any]) -> Call:
        options = self._options
        max_tokens = options.longest(prompt)
        if "max_completion_tokens" in options.extra_body:
            max_tokens = None  # its newer name: servers refuse a request with both
        body = {
            "model": options.model or None,
            **content,
            "stream": options.stream,
            "stream_options": {"include_usage": True} if options.stream else None,
            "max_tokens": max_tokens,
            "temperature": options.temperature,
        }
        return encoded(body, options)


class OpenAIChat(_OpenAI):
    """`/v1/chat/completions`."""

    __slots__ = ()
    path: ClassVar[str] = "/v1/chat/completions"

    def encode(self, prompt: Prompt) -> Call:
        """The request for one prompt."""
        return self._call(prompt, {"messages": prompt.messages})

    def decoder(self) -> Decoder:
        """A fresh decoder for one answer."""
        return _ChatStream() if self._options.stream else _ChatWhole()


class OpenAICompletions(_OpenAI):
    """`/v1/completions`."""

    __slots__ = ()
    path: ClassVar[str] = "/v1/completions"

    def encode(self, prompt: Prompt) -> Call:
        """The request for one prompt."""
        return self._call(prompt, {"prompt": prompt.text()})

    def decoder(self) -> Decoder:
        """A fresh decoder for one answer."""
        return _TextStream() if self._options.stream else _TextWhole()


class _Stream(StreamDecoder):
    """What both formats stream beside their choices, if anything."""

    __slots__ = ()

    def _take_rest(self, data: bytes, chunk: _Chunk | _Text) -> None:
        if chunk.usage is not None:
            self.usage = _counts(chunk.usage)
        if chunk.error is not None or chunk.choices is None:  # a chunk of another kind is passed over
            raise_error(data)


class _ChatStream(_Stream):
    __slots__ = ()

    def take(self, data: bytes, deltas: list[Delta]) -> None:
        chunk = _decode_chunk(data)
        if chunk.choices:
            for choice in chunk.choices:
                if choice.delta is not None:
                    _add_deltas(choice.delta, deltas)
                if choice.finish_reason is not None:
                    self.finish_reason = choice.finish_reason
        if chunk.usage is not None or chunk.error is not None or chunk.choices is None:
            self._take_rest(data, chunk)


class _ChatWhole(WholeDecoder):
    __slots__ = ()

    def answer(self, body: bytes) -> Answer | None:
        chat = _decode_chat(body)
        if chat.error is not None or not chat.choices:
            return None
        deltas: list[Delta] = []
        for choice in chat.choices:
            _add_deltas(choice.message, deltas)
        text = "".join(delta.text for delta in deltas)
        said = "".join(delta.text for delta in deltas if delta.kind is not _REASONING)
        return Answer(chat.choices[-1].finish_reason, _counts(chat.usage), text, said if said != text else None)


class _TextStream(_Stream):
    __slots__ = ()

    def take(self, data: bytes, deltas: list[Delta]) -> None:
        chunk = _decode_text(data)
        if chunk.choices:
            for choice in chunk.choices:
                if choice.text:
                    deltas.append(Delta(_CONTENT, choice.text))
                if choice.finish_reason is not None:
                    self.finish_reason = choice.finish_reason
        if chunk.usage is not None or chunk.error is not None or chunk.choices is None:
            self._take_rest(data, chunk)


class _TextWhole(WholeDecoder):
    __slots__ = ()

    def answer(self, body: bytes) -> Answer | None:
        content = _decode_text(body)
        if content.error is not None or not content.choices:
            return None
        text = "".join(choice.text or "" for choice in content.choices)
        return Answer(content.choices[-1].finish_reason, _counts(content.usage), text)


def _add_deltas(message: _Message, deltas: list[Delta]) -> None:
    reasoning = message.reasoning_content or message.reasoning  # some servers send the same text under both names
    if reasoning:
        deltas.append(Delta(_REASONING, reasoning))
    content = message.content or message.refusal
    if content:
        deltas.append(Delta(_CONTENT, content))
    if message.tool_calls:
        functions = [call.function for call in message.tool_calls if call.function is not None]
        pieces = "".join((function.name or "") + (function.arguments or "") for function in functions)
        if pieces:
            deltas.append(Delta(_TOOL, pieces))


def _counts(usage: _Usage | None) -> Usage | None:
    if usage is None:
        return None
    prompt, completion = usage.prompt_tokens_details, usage.completion_tokens_details
    return Usage(
        usage.prompt_tokens,
        usage.completion_tokens,
        None if prompt is None else prompt.cached_tokens,
        None if completion is None else completion.reasoning_tokens,
    )

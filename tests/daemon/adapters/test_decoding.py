"""What ends an answer, what fails it, and what is none at all."""

import pytest

from swelld.adapters.base import Adapter, Answer, Delta, Garbled, Kind, Options, ServerError, Truncated, Usage
from swelld.adapters.llamacpp import LlamaCpp
from swelld.adapters.openai import OpenAIChat, OpenAICompletions

CONTENT = b'data: {"choices":[{"delta":{"content":"a"},"text":"a"}],"content":"a"}\n\n'
ADAPTERS = pytest.mark.parametrize("adapter", [OpenAIChat, OpenAICompletions, LlamaCpp])


def decode(
    adapter: type[Adapter], body: bytes, *, stream: bool = True, step: int = 10**6
) -> tuple[list[Delta], Answer]:
    """All deltas and the answer of a body that arrives in pieces of one size."""
    decoder = adapter(Options(model="m", stream=stream)).decoder()
    deltas = [delta for start in range(0, len(body), step) for delta in decoder.feed(body[start : start + step])]
    return deltas, decoder.close()


@ADAPTERS
@pytest.mark.parametrize("step", [1, 1000])
def test_done_ends_a_stream_and_what_follows_is_ignored(adapter: type[Adapter], step: int) -> None:
    deltas, answer = decode(adapter, CONTENT + b"data: [DONE]\n\n" + CONTENT + b"data: nonsense\n\n", step=step)
    assert deltas == [Delta(Kind.CONTENT, "a")]
    assert answer == Answer(None, None, "")


@pytest.mark.parametrize(
    ("adapter", "end", "reason"),
    [
        (OpenAIChat, b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n', "stop"),
        (OpenAIChat, b'data: {"choices":[{"finish_reason":"length"}]}\n\n', "length"),
        (OpenAICompletions, b'data: {"choices":[{"text":"","finish_reason":"length"}]}\n\n', "length"),
        (LlamaCpp, b'data: {"content":"","stop":true,"stop_type":"eos"}\n\n', "stop"),
        (LlamaCpp, b'data: {"content":"","stop":true,"stop_type":"word"}\n\n', "stop"),
        (LlamaCpp, b'data: {"content":"","stop":true,"stop_type":"limit"}\n\n', "length"),
        (LlamaCpp, b'data: {"content":"","stop":true}\n\n', "stop"),
    ],
)
def test_a_finish_reason_ends_a_stream(adapter: type[Adapter], end: bytes, reason: str) -> None:
    deltas, answer = decode(adapter, CONTENT + end)
    assert deltas == [Delta(Kind.CONTENT, "a")]
    assert answer.finish_reason == reason


@ADAPTERS
@pytest.mark.parametrize("body", [b"", b": ping\n\n", CONTENT, CONTENT[:-1], CONTENT[:20], b"da", b'{"error": {"mess'])
@pytest.mark.parametrize("step", [1, 1000])
def test_a_stream_without_an_end_is_truncated(adapter: type[Adapter], body: bytes, step: int) -> None:
    with pytest.raises(Truncated):
        decode(adapter, body, step=step)


@ADAPTERS
@pytest.mark.parametrize(
    ("body", "message", "status"),
    [
        (b'data: {"error":{"message":"busy","code":503}}\n\n', "busy", 503),
        (CONTENT + b'data: {"error":{"message":"busy","code":"overloaded"}}\n\n', "busy", None),
        (CONTENT + b'data: {"error":"busy"}\n\ndata: [DONE]\n\n', "busy", None),
        (b'data: {"object":"error","message":"busy","code":400}\n\n', "busy", 400),
        (b'data: {"choices":[],"content":"","error":{"message":"busy","code":500}}\n\n', "busy", 500),
        (b'error: {"code":500,"message":"busy","type":"server_error"}\n\n', "busy", 500),
        (b'event: error\ndata: {"error":{"message":"busy"}}\n\n', "busy", None),
        (b"event: error\ndata: busy\n\n", "busy", None),
        (b'{"error":{"message":"busy","code":400}}', "busy", 400),
        (b'{\n "error": {\n  "message": "busy",\n  "code": 400\n }\n}\n', "busy", 400),
        (CONTENT + b'{"error":"busy"}\n', "busy", None),
    ],
)
@pytest.mark.parametrize("step", [1, 1000])
def test_errors_in_a_stream(adapter: type[Adapter], body: bytes, message: str, status: int | None, step: int) -> None:
    with pytest.raises(ServerError) as raised:
        decode(adapter, body, step=step)
    assert (str(raised.value), raised.value.status) == (message, status)


@ADAPTERS
@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"<html>502 Bad Gateway</html>", "no event stream.*: <html>502"),
        (b'{"choices":[{"message":{"content":"whole"}}]}', 'no event stream.*: {"choices"'),
        (b"data: nonsense\n\n", "wire format.*: nonsense"),
        (b"data: [1, 2]\n\n", r"wire format.*: \[1, 2\]"),
        (b'data: {"choices": 5, "content": 5}\n\n', "wire format.*Expected.*choices"),
        (b'data: {"choices": [{"delta": {"content": "\xff"}, "text": "\xff"}], "content": "\xff"}\n\n', "utf-8"),
        (b'data: {"cho\n\n', "wire format.*truncated"),
    ],
)
@pytest.mark.parametrize("step", [1, 1000])
def test_what_is_no_answer_is_garbled(adapter: type[Adapter], body: bytes, shown: str, step: int) -> None:
    with pytest.raises(Garbled, match=shown):
        decode(adapter, body, step=step)


@ADAPTERS
@pytest.mark.parametrize("odd", [b"data:\n\n", b"data: \n\n", b': note\n\ndata: {"type":"ping"}\n\n', b"event: x\n\n"])
def test_events_that_say_nothing_are_passed_over(adapter: type[Adapter], odd: bytes) -> None:
    assert decode(adapter, odd + CONTENT + odd + b"data: [DONE]\n\n")[0] == [Delta(Kind.CONTENT, "a")]


@ADAPTERS
@pytest.mark.parametrize(
    ("body", "error", "shown"),
    [
        (b'{"error":{"message":"busy","code":503}}', ServerError, "busy"),
        (b'{"choices":[],"content":"","error":{"message":"busy"}}', ServerError, "busy"),
        (b'{"detail":"Not Found"}', ServerError, "Not Found"),
        (b'{"choices": 5, "content": 5, "error": "busy"}', ServerError, "busy"),
        (b"", Truncated, "incomplete"),
        (b'{"choices":[{"mess', Truncated, "incomplete"),
        (b"{}", Garbled, "no answer"),
        (b'{"choices":[]}', Garbled, "no answer"),
        (b"<html>", Garbled, "<html>"),
        (b'{"choices": 5, "content": 5}', Garbled, "Expected"),
    ],
)
def test_failed_answers_that_are_not_streamed(
    adapter: type[Adapter], body: bytes, error: type[Exception], shown: str
) -> None:
    with pytest.raises(error, match=shown):
        decode(adapter, body, stream=False)


@pytest.mark.parametrize(
    ("adapter", "body", "answer"),
    [
        (
            OpenAIChat,
            (
                b'{"choices":[{"message":{"role":"assistant","reasoning_content":"Hm. ","content":"Yes"},'
                b'"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":4,'
                b'"prompt_tokens_details":{"cached_tokens":2},"completion_tokens_details":{"reasoning_tokens":3}}}'
            ),
            Answer("stop", Usage(3, 4, 2, 3), "Hm. Yes", "Yes"),
        ),
        (
            OpenAIChat,
            (
                b'{"choices":[{"message":{"content":null,"tool_calls":[{"id":"1","type":"function",'
                b'"function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}'
            ),
            Answer("tool_calls", None, "f{}"),
        ),
        (
            OpenAIChat,
            (
                b'{"choices":[{"message":{"content":"a"}},{"message":{"content":"b"},"finish_reason":"length"}],'
                b'"usage":{"prompt_tokens_details":null}}'
            ),
            Answer("length", Usage(), "ab"),
        ),
        (
            OpenAICompletions,
            b'{"choices":[{"text":"a","finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}',
            Answer("stop", Usage(1, 2), "a"),
        ),
        (
            LlamaCpp,
            (
                b'{"content":"a","stop":true,"stop_type":"limit","tokens_predicted":2,"tokens_evaluated":5,'
                b'"tokens_cached":9,"timings":{"cache_n":4}}'
            ),
            Answer("length", Usage(5, 2, 4), "a"),
        ),
    ],
)
@pytest.mark.parametrize("step", [1, 1000])
def test_answers_that_are_not_streamed(adapter: type[Adapter], body: bytes, answer: Answer, step: int) -> None:
    assert decode(adapter, body, stream=False, step=step) == ([], answer)


def chat(delta: bytes) -> bytes:
    """One chat event with this delta."""
    return b'data: {"choices":[{"index":0,"delta":' + delta + b',"finish_reason":null}]}\n\n'


@pytest.mark.parametrize(
    ("delta", "expected"),
    [
        (b'{"role":"assistant"}', []),
        (b'{"role":"assistant","content":""}', []),
        (b'{"role":"assistant","content":null,"reasoning_content":null}', []),
        (b"null", []),
        (b'{"content":" "}', [Delta(Kind.CONTENT, " ")]),
        (b'{"refusal":"No."}', [Delta(Kind.CONTENT, "No.")]),
        (b'{"reasoning":"r"}', [Delta(Kind.REASONING, "r")]),
        (b'{"reasoning":"r","reasoning_content":"r"}', [Delta(Kind.REASONING, "r")]),
        (b'{"reasoning_content":"r","content":"c"}', [Delta(Kind.REASONING, "r"), Delta(Kind.CONTENT, "c")]),
        (b'{"tool_calls":[{"function":{"name":"f","arguments":""}}]}', [Delta(Kind.TOOL, "f")]),
        (b'{"tool_calls":[{"function":{"arguments":"{"}}]}', [Delta(Kind.TOOL, "{")]),
        (b'{"tool_calls":[{"function":{"arguments":"1"}},{"function":{"name":"g"}}]}', [Delta(Kind.TOOL, "1g")]),
        (b'{"tool_calls":[{"function":{"arguments":""}}]}', []),
        (b'{"tool_calls":[{"id":"x"}]}', []),
        (b'{"tool_calls":[]}', []),
    ],
)
def test_deltas_of_a_chat(delta: bytes, expected: list[Delta]) -> None:
    assert decode(OpenAIChat, chat(delta) + b"data: [DONE]\n\n")[0] == expected


def test_several_choices_are_one_sequence() -> None:
    body = (
        b'data: {"choices":[{"index":0,"delta":{"content":"a"}},{"index":1,"delta":{"content":"b"}}]}\n\n'
        b'data: {"choices":[{"index":1,"delta":{"content":"c"},"finish_reason":"stop"}]}\n\n'
        b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}\n\n'
    )
    deltas, answer = decode(OpenAIChat, body)
    assert [delta.text for delta in deltas] == ["a", "b", "c"]
    assert answer.finish_reason == "length"

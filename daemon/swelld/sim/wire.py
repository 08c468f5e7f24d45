"""The bytes of the three wire formats: OpenAI chat, OpenAI completions, llama.cpp's own; no I/O, no clock."""

import json
from typing import Any, Final

from swelld.sim.plan import Plan

WORDS: Final = (" waves", " swell", " north", " under", " early", " winds", " again", " shore")
WIDE_WORDS: Final = (" größe", " żagle", " 海の波", " 🌊🐚", " été", " вода", " ñandú", " שלום")
"""Two, three and four bytes to a character, for streams cut anywhere."""
DONE: Final = b"data: [DONE]\n\n"
_MARK: Final = "@text@"
_WORD_BYTES: Final = {False: tuple(w.encode() for w in WORDS), True: tuple(w.encode() for w in WIDE_WORDS)}


def text_of(tokens: int, wide: bool = False, first: int = 0) -> str:
    """What `tokens` tokens say, from token number `first` on: every answer is the start of the same endless text."""
    words = WIDE_WORDS if wide else WORDS
    return "".join(words[place % len(words)] for place in range(first, first + tokens))


def compact(value: object) -> bytes:
    """JSON without spaces, in UTF-8."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def sse(value: object) -> bytes:
    """One server-sent event with this value as JSON."""
    return b"data: " + compact(value) + b"\n\n"


class Wire:
    """One answer in one wire format; `cached` (prompt tokens found in the prefix cache) may be set until `closing`."""

    def __init__(self, plan: Plan, number: int, created: int) -> None:
        self.plan = plan
        self.number = number
        self.created = created
        self.cached = 0
        self._words = _WORD_BYTES[plan.fault == "split_utf8"]

    def opening(self) -> bytes:
        """What comes before the first token; may be empty."""
        return b""

    def event(self, first: int, count: int) -> bytes:
        """Tokens `first` to `first + count - 1`."""
        raise NotImplementedError

    def closing(self, end_mark: bool) -> list[bytes]:
        """What comes after the last token: finish reason, usage, end mark."""
        raise NotImplementedError

    def whole(self, end_mark: bool) -> dict[str, Any]:
        """The answer when it is not streamed."""
        raise NotImplementedError

    def _said(self, first: int, count: int) -> bytes:
        words = self._words
        if count == 1:
            return words[first % len(words)]
        return b"".join(words[place % len(words)] for place in range(first, first + count))

    def _text(self, first: int, count: int) -> str:
        return self._said(first, count).decode()


class Completions(Wire):
    """POST /v1/completions."""

    kind = "text_completion"
    chunk_kind = "text_completion"
    prefix = "cmpl"

    def __init__(self, plan: Plan, number: int, created: int) -> None:
        super().__init__(plan, number, created)
        self._content = self._template({"text": _MARK, "logprobs": None, "finish_reason": None})

    def event(self, first: int, count: int) -> bytes:
        before, after = self._content
        return before + self._said(first, count) + after

    def closing(self, end_mark: bool) -> list[bytes]:
        events = [sse(self._chunk(self._last()))] if end_mark else []
        if self.plan.usage:
            events.append(sse({**self._envelope(self.chunk_kind), "choices": [], "usage": self._usage()}))
        return [*events, DONE] if end_mark else events

    def whole(self, end_mark: bool) -> dict[str, Any]:
        choice = {"index": 0, **self._answer(), "logprobs": None, "finish_reason": self._finish() if end_mark else None}
        answer = {**self._envelope(self.kind), "choices": [choice]}
        return {**answer, "usage": self._usage()} if self.plan.usage else answer

    def _answer(self) -> dict[str, Any]:
        return {"text": self._text(0, self.plan.tokens)}

    def _last(self) -> dict[str, Any]:
        return {"text": "", "logprobs": None, "finish_reason": self._finish()}

    def _finish(self) -> str:
        return self.plan.finish

    def _envelope(self, kind: str) -> dict[str, Any]:
        name = f"{self.prefix}-{self.number:016x}"
        return {"id": name, "object": kind, "created": self.created, "model": self.plan.model}

    def _chunk(self, choice: dict[str, Any]) -> dict[str, Any]:
        return {**self._envelope(self.chunk_kind), "choices": [{"index": 0, **choice}]}

    def _template(self, choice: dict[str, Any]) -> tuple[bytes, bytes]:
        """An event before and after its text, so that a token costs one concatenation."""
        before, _, after = sse(self._chunk(choice)).rpartition(_MARK.encode())
        return before, after

    def _usage(self) -> dict[str, Any]:
        plan = self.plan
        usage: dict[str, Any] = {
            "prompt_tokens": plan.prompt_tokens,
            "total_tokens": plan.prompt_tokens + plan.tokens,
            "completion_tokens": plan.tokens,
            "prompt_tokens_details": {"cached_tokens": self.cached},
        }
        if plan.reasoning_tokens:
            usage["completion_tokens_details"] = {"reasoning_tokens": min(plan.reasoning_tokens, plan.tokens)}
        return usage


class Chat(Completions):
    """POST /v1/chat/completions: reasoning first, then content or one tool call."""

    kind = "chat.completion"
    chunk_kind = "chat.completion.chunk"
    prefix = "chatcmpl"

    def __init__(self, plan: Plan, number: int, created: int) -> None:
        Wire.__init__(self, plan, number, created)
        self._content = self._delta({"content": _MARK})
        if plan.reasoning_tokens:
            self._reasoning = self._delta({"reasoning_content": _MARK})
        if plan.tool_call:
            call = {"id": f"call_{number:08x}", "type": "function", "function": {"name": "look", "arguments": _MARK}}
            self._call = self._delta({"tool_calls": [{"index": 0, **call}]})
            self._content = self._delta({"tool_calls": [{"index": 0, "function": {"arguments": _MARK}}]})

    def opening(self) -> bytes:
        return sse(
            self._chunk({"delta": {"role": "assistant", "content": ""}, "logprobs": None, "finish_reason": None})
        )

    def event(self, first: int, count: int) -> bytes:
        plan = self.plan
        before, after = self._content
        text = self._said(first, count)
        if first < plan.reasoning_tokens:
            before, after = self._reasoning
        elif plan.tool_call:
            if first == plan.reasoning_tokens:
                before, after = self._call
                text = rb"{\"text\":\"" + text
            if first + count == plan.tokens:
                text += rb"\"}"
        return before + text + after

    def _answer(self) -> dict[str, Any]:
        plan = self.plan
        thought = min(plan.reasoning_tokens, plan.tokens)
        text = self._text(thought, plan.tokens - thought)
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if thought:
            message["reasoning_content"] = self._text(0, thought)
        if self._calls():
            function = {"name": "look", "arguments": compact({"text": text}).decode()}
            call = {"id": f"call_{self.number:08x}", "type": "function", "function": function}
            message |= {"content": None, "tool_calls": [call]}
        return {"message": message}

    def _last(self) -> dict[str, Any]:
        return {"delta": {}, "logprobs": None, "finish_reason": self._finish()}

    def _finish(self) -> str:
        return "tool_calls" if self._calls() else self.plan.finish

    def _calls(self) -> bool:
        return self.plan.tool_call and self.plan.reasoning_tokens < self.plan.tokens

    def _delta(self, delta: dict[str, Any]) -> tuple[bytes, bytes]:
        return self._template({"delta": delta, "logprobs": None, "finish_reason": None})


class LlamaCpp(Wire):
    """POST /completion: no end mark but `"stop":true` in the last event, which always has the counts."""

    def event(self, first: int, count: int) -> bytes:
        identifiers = b",".join(b"%d" % token for token in range(first, first + count))
        return (
            b'data: {"index":0,"content":"%b","tokens":[%b],"stop":false,"id_slot":0,'
            b'"tokens_predicted":%d,"tokens_evaluated":%d}\n\n'
        ) % (self._said(first, count), identifiers, first + count, self.plan.prompt_tokens)

    def closing(self, end_mark: bool) -> list[bytes]:
        return [sse({"index": 0, "content": "", **self._end()})] if end_mark else []

    def whole(self, end_mark: bool) -> dict[str, Any]:
        answer = {"index": 0, "content": self._text(0, self.plan.tokens)}
        return {**answer, **(self._end() if end_mark else {"tokens": [], "stop": False})}

    def _end(self) -> dict[str, Any]:
        plan = self.plan
        end: dict[str, Any] = {
            "tokens": [],
            "id_slot": 0,
            "stop": True,
            "model": plan.model,
            "prompt": plan.prompt,
            "has_new_line": False,
            "truncated": False,
            "stop_type": "limit" if plan.finish == "length" else "eos",
            "stopping_word": "",
        }
        if plan.fault != "no_usage":
            end["tokens_predicted"] = plan.tokens
            end["tokens_evaluated"] = plan.prompt_tokens
            end["tokens_cached"] = self.cached
            if plan.scripted:
                end["timings"] = self._timings()
        return end

    def _timings(self) -> dict[str, float]:
        plan = self.plan
        return {
            "cache_n": self.cached,
            "prompt_n": plan.prompt_tokens - self.cached,
            "prompt_ms": plan.ttft * 1000,
            "predicted_n": plan.tokens,
            "predicted_ms": (-(-plan.tokens // plan.tokens_per_event) - 1) * plan.itl * 1000,
        }

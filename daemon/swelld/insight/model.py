"""Asks an OpenAI-compatible model, as one does by the way: no load, no measurement."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from swelld.adapters.base import Delta, Garbled, Kind, Options, ServerError, Truncated
from swelld.adapters.endpoint import endpoint
from swelld.adapters.errors import excerpt, read_error
from swelld.adapters.openai import OpenAIChat
from swelld.prompt import Prompt

CONNECT_SECONDS: Final = 10.0
SILENCE_SECONDS: Final = 180.0
"""Longest wait for the next piece of an answer; some models think before they write."""
LONGEST: Final = 60_000
"""Characters of an answer, reasoning apart; what is longer is no report."""
LONGEST_REASONING: Final = 1_000_000


class ModelError(Exception):
    """The model gave no answer, or not all of it; the message says why in a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """Who writes the report."""

    url: str
    """With or without /v1, or the full endpoint."""
    name: str
    api_key: str | None = field(default=None, repr=False)
    max_tokens: int | None = None
    """Sent only if given; servers have different ideas of what it may be."""
    extra_body: dict[str, Any] = field(default_factory=dict)
    """Merged into the request."""
    timeout: float = 600.0
    """Seconds for the whole answer."""

    def address(self) -> str:
        """Of the endpoint; ValueError for a URL that cannot be one."""
        parts = urlsplit(self.url)
        _ = parts.port  # raises for one that is out of range
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{self.url} is no address of a model: write http://HOST:PORT or https://HOST")
        return f"{parts.scheme}://{parts.netloc}{endpoint(self.url, OpenAIChat.path)}"


async def answer(model: Model, prompt: Prompt) -> AsyncGenerator[Delta, None]:
    """The pieces of its answer as they come, reasoning marked as such; ModelError if it is not whole."""
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=model.timeout, sock_connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS)
    adapter = OpenAIChat(_options(model, stream=True))
    call = adapter.encode(prompt)
    headers = dict(call.headers) | ({"authorization": f"Bearer {model.api_key}"} if model.api_key else {})
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(model.address(), data=call.body, headers=headers, allow_redirects=False) as response,
        ):
            if response.status != 200:
                raise ModelError(await _refusal(response))
            async with aclosing(_read(model, response)) as deltas:
                async for delta in deltas:
                    yield delta
    except TimeoutError:
        raise ModelError(f"no whole answer within {model.timeout:g} s, or silence of {SILENCE_SECONDS:g} s") from None
    except (ServerError, Garbled, Truncated, ValueError, aiohttp.ClientError, OSError) as error:
        raise ModelError(_without(model.api_key, str(error) or type(error).__name__)) from None
    except ModelError as error:
        raise ModelError(_without(model.api_key, str(error))) from None


def _options(model: Model, *, stream: bool) -> Options:
    extra = {"stream_options": None, **model.extra_body}  # nobody asks for the usage, and not every server knows it
    return Options(model=model.name, stream=stream, max_tokens=model.max_tokens, extra_body=extra)


async def _read(model: Model, response: Any) -> AsyncGenerator[Delta, None]:
    streamed = "json" not in response.content_type
    decoder = OpenAIChat(_options(model, stream=streamed)).decoder()
    room = {Kind.REASONING: LONGEST_REASONING, Kind.CONTENT: LONGEST, Kind.TOOL: LONGEST}
    received = 0
    async for data in response.content.iter_any():
        received += len(data)
        for delta in decoder.feed(data):
            room[delta.kind] -= len(delta.text)
            yield delta
        if min(room.values()) < 0 or (not streamed and received > LONGEST_REASONING):
            raise ModelError(f"it does not come to an end: more than {LONGEST} characters")
    ending = decoder.close()
    text = ending.said if ending.said is not None else ending.text
    if text:
        yield Delta(Kind.CONTENT, text)
    if ending.finish_reason == "length":
        raise ModelError("it reached its greatest length; give it more with --max-tokens, or a longer context")


async def _refusal(response: Any) -> str:
    body = await response.content.read(4096)
    error = read_error(body)
    said = str(error) if error else excerpt(body)
    return f"status {response.status}" + (f": {said}" if said else "")


def _without(secret: str | None, text: str) -> str:
    text = excerpt(text.encode())
    return text.replace(secret, "***") if secret else text

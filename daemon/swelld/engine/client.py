"""Puts requests to one target and turns every one of them into a measurement."""

import asyncio
import logging
from collections.abc import Callable, Coroutine

import msgspec

from swelld.adapters.base import Adapter, Call, Options, Usage
from swelld.adapters.endpoint import endpoint
from swelld.checks.judge import Judge
from swelld.clock import now
from swelld.engine.exchange import Exchange
from swelld.engine.failure import Failure
from swelld.engine.pool import Pool
from swelld.engine.target import Target
from swelld.engine.tracing import Draw, Trace
from swelld.measurement import ErrorType, Measurement, Outcome, TokenSource
from swelld.prompt import Prompt
from swelld.prompts.base import Tokenizer

log = logging.getLogger(__name__)


class Request(msgspec.Struct, frozen=True):
    """A request ready to be sent: all of its bytes, before it is due, and what its measurement says of the prompt.

    Not the prompt itself: ten thousand open streams would keep every text twice.
    """

    data: bytes
    prompt: str
    category: str
    input_tokens: int | None
    trace: Trace | None = None


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """What the measurement of an exchange says about its place in the run."""

    stage: int
    index: int
    warmup: bool
    due: float | None = None


class Client:
    """One target in one shard: adapter, connections, tokenizer."""

    def __init__(
        self,
        number: int,
        target: Target,
        adapter: type[Adapter],
        connections: int,
        emit: Callable[[Measurement], None],
        tokenizer: Tokenizer | None = None,
        draw: Draw | None = None,
        judge: Judge | None = None,
    ) -> None:
        self._number = number
        self._target = target
        self._adapter = adapter(
            Options(
                model=target.model,
                stream=target.stream,
                max_tokens=target.max_tokens,
                temperature=target.temperature,
                extra_body=target.extra_body,
            )
        )
        self._secret = target.api_key.reveal() if target.api_key else ""
        self._head = _head(target, endpoint(target.url, adapter.path))
        self._emit = emit
        self._tokenizer = tokenizer
        self._draw = draw
        self._judge = judge
        self.pool = Pool(target, connections)
        self.begun = 0
        self.in_flight = 0

    def prepare(self, prompt: Prompt) -> Request:
        """Encode a prompt down to the last byte."""
        call: Call = self._adapter.encode(prompt)
        headers = "".join(f"{name}: {value}\r\n" for name, value in call.headers)
        trace = self._draw() if self._draw else None
        if trace is not None and self._target.traceparent:
            headers += f"traceparent: {trace.traceparent}\r\n"
        head = f"{headers}content-length: {len(call.body)}\r\n\r\n"
        data = self._head + head.encode("latin-1") + call.body
        return Request(data, prompt.name, prompt.category, prompt.input_tokens, trace)

    def drop(self, request: Request, ticket: Ticket, why: str) -> None:
        """Record an arrival that is not sent: too many are in flight, or its moment passed while nobody was there."""
        self.begun += 1
        self._record(request, ticket, outcome=Outcome.DROPPED, detail=why, end=now())

    def start(self, request: Request, ticket: Ticket) -> Coroutine[None, None, bool]:
        """Send at once if a connection is free; what is left to do is returned, to be awaited."""
        self.begun += 1
        self.in_flight += 1
        connection = self.pool.idle()
        exchange = None
        if connection is not None:
            exchange = self._new_exchange(ticket)
            exchange.begin(connection, request.data)
        return self._see_through(request, ticket, exchange)

    async def exchange(self, request: Request, ticket: Ticket) -> bool:
        """One exchange from acquiring a connection to its measurement, which is emitted whatever happens.

        False if the server could not be reached.
        """
        return await self.start(request, ticket)

    async def _see_through(self, request: Request, ticket: Ticket, exchange: Exchange | None) -> bool:
        tried = now()
        connect = None
        resends = 0
        try:
            while True:
                if exchange is None:
                    connection, connect = await self.pool.acquire(fresh=resends > 0)
                    exchange = self._new_exchange(ticket)
                    exchange.begin(connection, request.data)
                await exchange.over()
                if not exchange.was_stale:
                    break
                resends += 1
                exchange = None
            self._conclude(request, ticket, exchange, connect, resends)
            return True
        except Failure as failure:
            self._fail(request, ticket, failure, tried=tried)
            return False
        except asyncio.CancelledError:
            sent = exchange.sent if exchange else None
            gave_up = Failure(Outcome.CANCELLED, ErrorType.CANCELLED, "given up by swelld before it was complete")
            self._fail(request, ticket, gave_up, sent=sent, connect=connect, tried=None if exchange else tried)
            raise
        finally:
            self.in_flight -= 1

    def _new_exchange(self, ticket: Ticket) -> Exchange:
        target = self._target
        keep = target.keep_text or self._tokenizer is not None or self._draws(ticket)
        return Exchange(self._adapter.decoder(), target.timeouts, target.max_response, keep_text=keep)

    def _conclude(
        self, request: Request, ticket: Ticket, exchange: Exchange, connect: float | None, resends: int
    ) -> None:
        moments = {
            "sent": exchange.sent,
            "connect": connect,
            "first_byte": exchange.first_byte,
            "first_answer": exchange.first_answer,
            "end": exchange.end,
            "tokens_at": exchange.tokens_at.tobytes(),
            "status": exchange.status,
            "resends": resends,
        }
        if exchange.failure is not None:
            self._fail(request, ticket, exchange.failure, **moments)
            return
        assert exchange.answer is not None
        answer = exchange.answer
        text = answer.text or "".join(exchange.parts)
        self._record(
            request,
            ticket,
            outcome=Outcome.OK,
            finish_reason=answer.finish_reason,
            text=text if self._target.keep_text else None,
            **moments,
            **self._tokens(answer.usage or Usage(), text, len(exchange.tokens_at), request.input_tokens),
            **self._judged(ticket, exchange),
        )

    def _draws(self, ticket: Ticket) -> bool:
        """Whether the answer is to be checked."""
        return self._judge is not None and self._judge.draws(ticket.stage, ticket.index)

    def _judged(self, ticket: Ticket, exchange: Exchange) -> dict[str, object]:
        """What the checks say of a complete answer, if it was drawn."""
        if self._judge is None or not self._draws(ticket) or exchange.answer is None:
            return {}
        return {"checked": True, "failed_check": self._judge.failed(exchange.said(), exchange.answer.finish_reason)}

    def _tokens(self, usage: Usage, text: str, events: int, sent: int | None) -> dict[str, object]:
        """Counts by the server if it gives them, else by the tokenizer, else by events; never a 0 for `unknown`.

        `sent` is our own count of the prompt.
        """
        counted = self._tokenizer.count(text) if self._tokenizer else None
        ways = (
            (usage.output_tokens, TokenSource.SERVER),
            (counted, TokenSource.TOKENIZER),
            (events or None, TokenSource.EVENTS),
        )
        output, source = next((way for way in ways if way[0] is not None), (None, None))
        return {
            "input_tokens": usage.input_tokens if usage.input_tokens is not None else sent,
            "output_tokens": output,
            "token_source": source,
            "cached_tokens": usage.cached_tokens,
            "reasoning_tokens": usage.reasoning_tokens,
            "token_mismatch": counted is not None and source is TokenSource.SERVER and abs(counted - (output or 0)) > 1,
        }

    def _fail(self, request: Request, ticket: Ticket, failure: Failure, **known: object) -> None:
        known.setdefault("end", now())
        detail = failure.detail.replace(self._secret, "***") if self._secret else failure.detail
        log.debug("exchange %d ended %s (%s): %s", ticket.index, failure.outcome, failure.error_type, detail)
        outcome, error_type = failure.outcome, failure.error_type
        self._record(request, ticket, outcome=outcome, error_type=error_type, detail=detail, **known)

    def _record(self, request: Request, ticket: Ticket, **known: object) -> None:
        if request.trace is not None and known["outcome"] is not Outcome.DROPPED:
            known |= request.trace._asdict()
        self._emit(
            Measurement(
                stage=ticket.stage,
                target=self._number,
                index=ticket.index,
                warmup=ticket.warmup,
                due=ticket.due,
                streamed=self._target.stream,
                prompt=request.prompt,
                category=request.category,
                **known,  # type: ignore[arg-type]  # the names are those of Measurement, checked by its tests
            )
        )


def _head(target: Target, path: str) -> bytes:
    """The request line and the headers that are the same for all requests; ValueError names a bad header."""
    from urllib.parse import urlsplit

    parts = urlsplit(target.url)
    host = "localhost" if parts.scheme == "unix" else parts.netloc
    headers = {
        "host": host,
        "user-agent": "swelld",
        "accept": "text/event-stream" if target.stream else "application/json",
        "accept-encoding": "identity",
    }
    if target.api_key is not None:
        headers["authorization"] = f"Bearer {target.api_key.reveal()}"
    headers |= {name.lower(): value for name, value in target.headers.items()}
    for name, value in headers.items():
        if not name.isascii() or any(c in name + value for c in "\r\n\0") or not name.strip() or ":" in name:
            raise ValueError(f"the header {name!r} cannot be sent: its name or value has a character HTTP forbids")
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {path} HTTP/1.1\r\n{lines}".encode("latin-1")

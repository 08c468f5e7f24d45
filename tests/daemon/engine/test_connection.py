"""What a connection makes of reads: the short way for whole chunks delivers what httptools alone delivers."""

import asyncio
from itertools import count, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swelld.clock import now
from swelld.engine.connection import SLICE, Connection, Inbox
from swelld.engine.failure import Failure

Call = tuple[object, ...]


class Recorder:
    """A receiver that writes down what it is told."""

    def __init__(self, calls: list[Call]) -> None:
        self._calls = calls

    def head(self, status: int) -> None:
        self._calls.append(("head", status))

    def body(self, data: bytes, moment: float) -> None:
        self._calls.append(("body", data, moment))

    def complete(self, moment: float) -> None:
        self._calls.append(("complete", moment))

    def failed(self, failure: Failure) -> None:
        self._calls.append(("failed", failure.outcome, failure.error_type))

    def stale(self) -> None:
        self._calls.append(("stale",))


class Wire:
    """A transport that sends nothing, and knows whether it was closed."""

    def __init__(self) -> None:
        self.closed = ""

    def get_extra_info(self, _name: str) -> object:
        return self

    def write(self, _data: bytes) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return bool(self.closed)

    def close(self) -> None:
        self.closed = self.closed or "close"

    def abort(self) -> None:
        self.closed = "abort"


class NoInbox:
    """Nothing waits here."""

    def empty(self) -> None:
        pass


class Watched(Connection):
    """Counts what httptools is shown."""

    shown = 0

    def on_body(self, data: bytes) -> None:
        self.shown += 1
        super().on_body(data)


class Plain(Watched):
    """Knows no short way."""

    def on_chunk_complete(self) -> None:
        pass


def played(kind: type[Watched], reads: list[bytes], *, requests: int = 99) -> tuple[list[Call], str, Watched]:
    """The calls that these reads make, with a new request whenever the connection is free; what became of the wire."""
    calls: list[Call] = []
    wire = Wire()

    def idle(_connection: Connection) -> None:
        calls.append(("idle",))

    inbox: Any = NoInbox()
    connection = kind(inbox, idle, idle)
    connection.connection_made(wire)  # type: ignore[arg-type]
    moments = count(1.0)
    for data in reads:
        if connection.usable and requests:
            requests -= 1
            connection.send(b"", Recorder(calls))
        connection.parse(data, next(moments))
    connection.connection_lost(None)
    return calls, wire.closed, connection


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    """The stream in pieces that end at these places."""
    bounds = [0, *sorted({place for place in places if 0 < place < len(stream)}), len(stream)]
    return [stream[start:end] for start, end in pairwise(bounds)]


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
HEADS = st.sampled_from(
    [
        CHUNKED,
        CHUNKED,
        CHUNKED,
        b"HTTP/1.1 100 Continue\r\n\r\n" + CHUNKED,
        b"HTTP/1.1 503 Busy\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n",
    ]
)
CONTENTS = st.one_of(
    st.sampled_from([b"data: x\n\n", b"0\r\n\r\n", b"\r\n", b"5\r\nhello\r\n", b"a" * 300]), st.binary(max_size=20)
)
SIZES = st.sampled_from(
    [
        *[b"%x"] * 4,
        b"%X",
        b"00%x",
        b"%x;a=b",
        b'%x;a="b"',
        b"%x ",
        b" %x",
        b"+%x",
        b"0x%x",
        b"1%x",
        b"%x\r",
        b"-%x",
        b"g%x",
    ]
)
ENDS = st.sampled_from(
    [b"0\r\n\r\n", b"0\r\n\r\n", b"0\r\nx: y\r\n\r\n", b"0;last\r\n\r\n", b"000\r\n\r\n", b"0\r\n", b"", b"\r\n", b"zz"]
)


@st.composite
def answers(draw: st.DrawFn) -> tuple[bytes, list[int]]:
    """One or two answers, mostly as they should be, and the places where their parts end."""
    parts: list[bytes] = []
    for _ in range(draw(st.integers(1, 2))):
        parts.append(draw(HEADS))
        for content in draw(st.lists(CONTENTS.filter(len), max_size=6)):
            parts += [draw(SIZES) % len(content) + b"\r\n", content + b"\r\n"]
        parts.append(draw(ENDS))
    ends = [sum(map(len, parts[:number])) for number in range(1, len(parts) + 1)]
    return b"".join(parts), ends


@given(answers(), st.data(), st.integers(1, 3))
def test_any_answer_in_any_pieces_is_delivered_as_httptools_alone_would(
    answer: tuple[bytes, list[int]], data: st.DataObject, requests: int
) -> None:
    stream, ends = answer
    places = data.draw(st.lists(st.sampled_from(ends)) | st.lists(st.integers(0, len(stream)), max_size=4))
    reads = cut(stream, [*ends[:: data.draw(st.integers(1, 3))], *places])
    calls, closed, _ = played(Watched, reads, requests=requests)
    expected, expected_closed, _ = played(Plain, reads, requests=requests)
    assert (calls, closed) == (expected, expected_closed)


@pytest.mark.parametrize(
    "reads",
    [
        [CHUNKED + b"1\r\n_\r\n", b"A\r\n", b"5\r\nhello\r\n", b"\r\n"],  # a whole chunk is what this chunk holds
        [CHUNKED + b"1\r\n_\r\n1", b"A\r\n5678901234\r\n"],
        [CHUNKED + b"1\r\n_\r\n0\r\n\r\n", b"1\r\na\r\n"],  # after the end
    ],
)
def test_what_looks_like_a_chunk_need_not_be_one(reads: list[bytes]) -> None:
    assert played(Watched, reads, requests=1)[:2] == played(Plain, reads, requests=1)[:2]


def test_whole_chunks_take_the_short_way() -> None:
    reads = [CHUNKED, b"1\r\na\r\n", b"1\r\nb\r\n", b"A\r\n0123456789\r\n", b"0\r\n\r\n"]
    calls, closed, connection = played(Watched, reads)
    assert connection.shown == 1  # the first: that a chunk may begin is known from the end of the one before
    bodies = [("body", b"a", 2.0), ("body", b"b", 3.0), ("body", b"0123456789", 4.0)]
    assert calls == [("head", 200), *bodies, ("idle",), ("complete", 5.0), ("idle",)]
    assert closed == ""


@pytest.mark.parametrize(
    "read",
    [
        b"1\r\na\r\n1\r\nb\r\n",
        b"1;x\r\na\r\n",
        b"01\r\na\r\n",
        b"1\r\na",
        b"0\r\n\r\n",
        b"2\r\na\r\n",
        b"1\r\nab\r",
    ],
)
def test_what_is_not_one_whole_chunk_is_left_to_httptools(read: bytes) -> None:
    reads = [CHUNKED + b"1\r\n_\r\n", read]
    calls, closed, _ = played(Watched, reads)
    expected, expected_closed, _ = played(Plain, reads)
    assert (calls, closed) == (expected, expected_closed)
    assert calls != played(Watched, reads[:1])[0]


def test_nothing_is_delivered_after_it_was_given_up() -> None:
    calls: list[Call] = []
    inbox: Any = NoInbox()
    connection = Connection(inbox, lambda _: None, lambda _: None)
    connection.connection_made(Wire())  # type: ignore[arg-type]
    connection.send(b"", Recorder(calls))
    connection.parse(CHUNKED + b"1\r\na\r\n", 1.0)
    connection.abort()
    connection.parse(b"1\r\nb\r\n", 2.0)
    connection.parse(b"1\r\nc\r\n", 3.0)
    assert calls == [("head", 200), ("body", b"a", 1.0)]


class Slow:
    """A connection whose reads take longer to parse than a slice lasts."""

    def __init__(self) -> None:
        self.parsed: list[tuple[bytes, float]] = []

    def parse(self, data: bytes, moment: float) -> None:
        end = now() + 2 * SLICE
        while now() < end:
            pass
        self.parsed.append((data, moment))


async def test_a_backlog_is_parsed_in_order_and_others_have_their_turn_in_between() -> None:
    inbox, slow = Inbox(), Slow()
    connection: Any = slow
    reads = [(b"%d" % number, float(number)) for number in range(1, 7)]
    inbox.put(connection, b"alone", 0.5)
    for data, moment in reads:
        inbox.put(connection, data, 0.5 + moment * 1e-6)
    assert slow.parsed == [(b"alone", 0.5)]
    turns = []
    while len(slow.parsed) < 7:
        await asyncio.sleep(0)
        turns.append(len(slow.parsed))
    assert [data for data, _ in slow.parsed[1:]] == [data for data, _ in reads]
    assert set(turns) >= {2, 3, 4, 5, 6}
    assert inbox.largest == 6


class Broken:
    """A connection that no read can be parsed for."""

    def parse(self, _data: bytes, _moment: float) -> None:
        raise RuntimeError("broken")


async def test_reads_behind_one_that_cannot_be_parsed_are_parsed_all_the_same() -> None:
    inbox, slow = Inbox(), Slow()
    connection: Any = slow
    broken: Any = Broken()
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(str(context["exception"])))
    inbox.put(connection, b"alone", 0.5)
    inbox.put(broken, b"x", 0.500001)
    inbox.put(connection, b"behind", 0.500002)
    for _ in range(3):
        await asyncio.sleep(0)
    assert slow.parsed == [(b"alone", 0.5), (b"behind", 0.500002)]
    assert told == ["broken"]


async def test_what_waits_is_parsed_when_a_connection_is_lost() -> None:
    inbox, slow = Inbox(), Slow()
    connection: Any = slow
    for moment in (1.0, 1.000001, 1.000002):
        inbox.put(connection, b"x", moment)
    inbox.empty()
    assert [moment for _, moment in slow.parsed] == [1.0, 1.000001, 1.000002]

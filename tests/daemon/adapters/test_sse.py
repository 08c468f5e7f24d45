"""The event stream against the standard's own examples, a plain reference, and every way of cutting bytes up."""

import time
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from swelld.adapters.base import Garbled
from swelld.adapters.sse import Event, EventStream


def reference(stream: bytes) -> list[Event]:
    """The standard's steps, one after another, over the whole stream at once."""
    lines = stream.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")[:-1]
    events: list[Event] = []
    name, data = b"", b""
    for line in lines:
        if line == b"":
            if data:
                events.append((name, data[:-1]))
            name, data = b"", b""
            continue
        if b":" in line:
            field, value = line.split(b":", 1)
            value = value[1:] if value.startswith(b" ") else value
        else:
            field, value = line, b""
        if field == b"data":
            data += value + b"\n"
        elif field == b"event":
            name = value
        elif field == b"error":  # ours: llama.cpp's way of reporting
            name, data = b"error", data + value + b"\n"
    return events


def feed_all(events: EventStream, stream: bytes, step: int) -> list[Event]:
    """The events when the stream arrives in pieces of one size."""
    return [event for start in range(0, len(stream), step) for event in events.feed(stream[start : start + step])]


def read(stream: bytes, cuts: list[int]) -> list[Event]:
    """The events when the stream arrives in pieces that end at these places."""
    events = EventStream()
    bounds = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    return [event for start, end in pairwise(bounds) for event in events.feed(stream[start:end])]


PARTS = st.one_of(
    st.sampled_from(
        [
            *(b"data: ", b"data:", b"data", b"event: x", b"event", b"id: 7", b"retry: 1", b": note", b"error: bad"),
            *(b"\n", b"\n\n", b"\r", b"\r\n", b"\r\n\r\n", b"\n\ndata: ", b":", b" ", b"\xef\xbb\xbf", b"other"),
            *("é".encode(), "😀".encode(), b"data: one\n\n", b'data: {"b": []}\n\n', b"data: [DONE]\n\n"),
        ]
    ),
    st.binary(max_size=4),
)
LINES = st.tuples(
    st.sampled_from([b"data: a", b"data:b", b"data: ", b"data", b"event: x", b": note", b"", b"", b""]),
    st.sampled_from([b"\n", b"\n", b"\r\n", b"\r"]),
).map(b"".join)
STREAMS = st.one_of(st.lists(PARTS, max_size=30).map(b"".join), st.lists(LINES, max_size=30).map(b"".join))
CUTS = st.lists(st.integers(0, 200), max_size=12)


@given(STREAMS, CUTS)
@example(b"data: a\r", [])
@example(b"data: a\r\n\r\ndata: b\n\n", [8, 9, 10])
@example(b"data: a\r\ndata: b\r\n\r\n", [8, 17])  # a CRLF in two halves is one end of line
@example(b"data: a\n\ndata: b\n\n\ndata: c\n\n", [9])  # from here on, what the short way must leave alone
@example(b"data: a\n\ndata: b\ndata: c\n\n", [9])
@example(b"data: a\n\ndata: b\rdata: c\n\n", [9])
@example(b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [0, 9])
@example(b"data: a\n\ndata: bdata: c\n\n", [9, 16])
@example(b"data: a\n\ndata: b\ndata: c\n\n", [9, 17])
@example(b"data: a\n\nevent: x\ndata: b\n\n", [9, 18])
def test_any_split_gives_what_the_standard_says(stream: bytes, cuts: list[int]) -> None:
    assert read(stream, cuts) == reference(stream)


@given(st.lists(st.binary(max_size=6).filter(lambda data: not {10, 13} & set(data)), min_size=1), st.data())
def test_reads_that_end_with_events_give_the_same(contents: list[bytes], data: st.DataObject) -> None:
    packets = [b"data: " + content + b"\n\n" for content in contents]
    stream = b"".join(packets)
    ends = [len(b"".join(packets[: count + 1])) for count in range(len(packets))]
    cuts = data.draw(st.lists(st.sampled_from(ends)))
    assert read(stream, cuts) == [(b"", content) for content in contents] == reference(stream)


@given(STREAMS)
def test_byte_by_byte_is_the_same_too(stream: bytes) -> None:
    assert read(stream, list(range(len(stream)))) == reference(stream)


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data: YHOO\ndata: +2\ndata: 10\n\n", [b"YHOO\n+2\n10"]),
        (
            b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
            [b"first event", b"second event", b" third event"],
        ),
        (b"data\n\ndata\ndata\n\ndata:", [b"", b"\n"]),
        (b"data:test\n\ndata: test\n\n", [b"test", b"test"]),
        (b"\xef\xbb\xbfdata: after a byte order mark\n\n", [b"after a byte order mark"]),
        (b"data: no blank line follows\n", []),
    ],
)
def test_examples_of_the_standard(stream: bytes, expected: list[bytes]) -> None:
    assert [data for _, data in read(stream, [])] == expected


def test_names_of_events_last_for_one_event() -> None:
    stream = b"event: ping\ndata: 1\n\ndata: 2\n\nevent: lost\n\ndata: 3\n\n"
    assert read(stream, []) == [(b"ping", b"1"), (b"", b"2"), (b"", b"3")]


def test_a_carriage_return_ends_a_line_at_once() -> None:
    events = EventStream()
    assert events.feed(b"data: a\r\r") == [(b"", b"a")]
    assert events.feed(b"\ndata: b\n\n") == [(b"", b"b")]


class Watched(EventStream):
    """Counts how often the long way is taken."""

    scans = 0

    def _scan(self, data: bytes) -> list[Event]:
        self.scans += 1
        return super()._scan(data)


@pytest.mark.parametrize(
    ("read_at_once", "expected"),
    [
        (b"data: 1\n\n", [b"1"]),
        (b"data: 1\n\ndata: 2\n\ndata: 3\n\n", [b"1", b"2", b"3"]),
        (b"data: \n\n", [b""]),
    ],
)
def test_whole_events_take_the_short_way(read_at_once: bytes, expected: list[bytes]) -> None:
    events = Watched()
    events.feed(b"data: first\n\n")
    assert events.feed(read_at_once) == [(b"", data) for data in expected]
    assert events.scans == 1


@pytest.mark.parametrize(
    "stream",
    [
        b"data: " + b"x" * 101 + b"\n\n",
        b"data: " + b"x" * 101,
        b"data: " + b"x" * 60 + b"\ndata: " + b"x" * 60 + b"\n\n",
        b": " + b"x" * 101,
        b"data: ok\n\ndata: " + b"x" * 101 + b"\n\n",
    ],
)
@pytest.mark.parametrize("step", [1, 7, 1000])
def test_an_event_beyond_the_cap_is_garbled(stream: bytes, step: int) -> None:
    events = EventStream(max_event=100)
    with pytest.raises(Garbled, match="larger than 100 bytes"):
        feed_all(events, stream, step)


@pytest.mark.parametrize("beyond", [b"data: " + b"x" * 101 + b"\n\n", b"data: 1\n\ndata: " + b"x" * 101 + b"\n\n"])
def test_the_cap_holds_for_whole_events_too(beyond: bytes) -> None:
    events = EventStream(max_event=100)
    events.feed(b"data: first\n\n")
    with pytest.raises(Garbled, match="larger than 100 bytes"):
        events.feed(beyond)


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_the_cap_is_for_one_event_and_its_lines_alone(step: int) -> None:
    events = EventStream(max_event=100)
    stream = (b"data: " + b"x" * 94 + b"\n\n") * 3
    assert feed_all(events, stream, step) == [(b"", b"x" * 94)] * 3


@pytest.mark.parametrize("lines", [b"data: " + b"x" * 8 * 2**20 + b"\n", b"data: y\n" * 2**18, b"zz\n" * 2**18])
def test_large_events_in_small_pieces_take_linear_time(lines: bytes) -> None:
    events = EventStream()
    stream = lines + b"data: end\n\n"
    started = time.process_time()
    found = feed_all(events, stream, 512)
    assert len(found) == 1
    assert found[0][1].endswith(b"end")
    assert time.process_time() - started < 5  # a quadratic way takes minutes


def test_it_is_known_whether_any_event_came() -> None:
    events = EventStream()
    events.feed(b": ping\n\n")
    assert not events.seen
    events.feed(b"data: 1\n\n")
    assert events.seen


@pytest.mark.parametrize(
    ("stream", "stray"),
    [
        (b'{"error": {"message": "no"}}', b'{"error": {"message": "no"}}'),
        (b'{\n  "error": "no"\n}\n', b'{\n  "error": "no"\n}'),
        (b"<html>\r\n<body>", b"<html>\n<body>"),
        (b"data: cut", b""),
        (b"dat", b""),
        (b": comment", b""),
        (b"id: 1\nretry: 5\ndata: x\n\n", b""),
    ],
)
def test_lines_that_are_no_fields_are_kept(stream: bytes, stray: bytes) -> None:
    for step in (1, 1000):
        events = EventStream()
        feed_all(events, stream, step)
        assert events.stray() == stray


def test_stray_lines_are_capped() -> None:
    events = EventStream()
    events.feed(b"<p>\n\n" * 100_000)
    assert events.stray() == (b"<p>\n" * 16384).strip()

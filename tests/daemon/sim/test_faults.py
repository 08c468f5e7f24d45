"""Every fault, byte by byte, as a client meets it; each is counted once."""

import time
from typing import Any

import pytest

from sim_client import CHAT, COMPLETIONS, NATIVE, Peer, ask, chat, encoded, truth
from swelld.sim import Fault, SimOptions, simulated
from swelld.sim.options import FAULT_NAMES
from swelld.sim.wire import text_of


def faulty(name: str, **more: Any) -> dict[str, Any]:
    """A streamed chat request for six tokens and a fault."""
    stream = more.pop("stream", True)
    return chat(stream=stream, stream_options={"include_usage": True}, sim={"fault": name, **more})


def content(events: list[Any]) -> list[str]:
    """The text of the token-bearing events."""
    return [event["choices"][0]["delta"]["content"] for event in events if event["choices"][0]["delta"].get("content")]


def counted(url: str) -> tuple[dict[str, int], dict[str, int]]:
    """(how requests ended, statuses)."""
    requests = truth(url)["requests"]
    endings = {name: requests[name] for name in ("completed", "broken", "refused", "aborted_by_client")}
    return {name: count for name, count in endings.items() if count}, requests["by_status"]


def test_status(sim: str) -> None:
    with Peer(sim) as peer:
        reply = peer.ask(CHAT, faulty("status", status=429, retry_after=1.5))
        assert (reply.status, reply.headers["retry-after"]) == (429, "1.5")
        assert reply.json["error"]["type"] == "rate_limit_error"
        assert peer.ask(CHAT, faulty("status", status=599)).status == 599
        assert peer.ask(CHAT, faulty("status", stream=False)).status == 503
    assert counted(sim) == ({"broken": 3}, {"429": 1, "503": 1, "599": 1})


def test_stall_for_a_while(sim: str) -> None:
    reply = ask(sim, CHAT, faulty("stall", after=2, seconds=0.2))
    assert "".join(content(reply.events[:-3])) == text_of(6)
    assert counted(sim) == ({"completed": 1}, {"200": 1})
    gaps = truth(sim)["itl"]
    assert (gaps["count"], round(gaps["p50"], 3) < 0.1, 0.2 <= gaps["max"] < 2) == (5, True, True)


def test_stall_for_ever(sim: str) -> None:
    with Peer(sim, timeout=0.3) as peer:
        peer.socket.sendall(encoded(CHAT, faulty("stall", after=2)))
        got, error = peer.rest()
        assert (got.count(b'"content":" '), type(error)) == (2, TimeoutError)
    assert counted(sim) == ({"broken": 1}, {"200": 1})


@pytest.mark.parametrize(("after", "whole_events"), [(0, 0), (2, 2), (100, 5)])
def test_cut(sim: str, after: int, whole_events: int) -> None:
    with Peer(sim) as peer:
        reply = peer.ask(CHAT, faulty("cut", after=after))
        assert not reply.whole
        assert reply.chunks[-1].startswith(b"data: {")
        assert not reply.chunks[-1].endswith(b"}")
        assert content(reply.events[1:]) == [text_of(1, first=place) for place in range(whole_events)]
        assert peer.at_end()
    assert counted(sim) == ({"broken": 1}, {"200": 1})


def test_cut_of_an_answer_at_once(sim: str) -> None:
    with Peer(sim) as peer:
        reply = peer.ask(CHAT, faulty("cut", stream=False))
        assert (reply.whole, len(reply.body) > 100) == (False, True)
        assert peer.at_end()


def test_reset(sim: str) -> None:
    with Peer(sim) as peer:
        peer.socket.sendall(encoded(CHAT, faulty("reset", after=2)))
        got, error = peer.rest()
        assert type(error) is ConnectionResetError
        assert got.count(b'"finish_reason":null}]}\n\n') == 3  # role and two tokens
    assert counted(sim) == ({"broken": 1}, {"200": 1})


def test_refuse(sim: str) -> None:
    with Peer(sim) as peer:
        peer.socket.sendall(encoded(CHAT, faulty("refuse")))
        assert peer.at_end()
    assert counted(sim) == ({"broken": 1}, {})


def test_slow_headers(sim: str) -> None:
    with Peer(sim) as peer:
        started = time.monotonic()
        peer.socket.sendall(encoded(CHAT, faulty("slow_headers", seconds=0.2)))
        first = peer.socket.recv(65536)
        reads, got = 1, first
        while b"\r\n\r\n" not in got:
            got += peer.socket.recv(65536)
            reads += 1
        assert time.monotonic() - started > 0.19
        assert got.startswith(b"HTTP/1.1 200 OK\r\n")
        assert reads > 5
    assert ask(sim, CHAT, faulty("slow_headers", seconds=0.05)).events[-1] == "[DONE]"


def test_garbage_http(sim: str) -> None:
    with Peer(sim) as peer:
        peer.socket.sendall(encoded(CHAT, faulty("garbage_http")))
        assert not peer.file.read().startswith(b"HTTP/")
    assert counted(sim) == ({"broken": 1}, {})


def test_garbage_event(sim: str) -> None:
    with Peer(sim) as peer:
        reply = peer.ask(CHAT, faulty("garbage_event", after=1))
        assert (reply.status, reply.whole, len(reply.chunks)) == (200, True, 3)
        assert reply.chunks[2] == b"data: {this is not JSON\n\n"
        at_once = peer.ask(CHAT, faulty("garbage_event", stream=False))
        assert (at_once.status, at_once.body) == (200, b"{this is not JSON")
    assert counted(sim) == ({"broken": 2}, {"200": 2})


def test_error_event(sim: str) -> None:
    with Peer(sim) as peer:
        *_, last = peer.ask(CHAT, faulty("error_event", after=2)).events
        assert last["error"]["code"] == 500
        first = peer.ask(CHAT, faulty("error_event", after=0, status=503))
        assert (first.status, first.events[0]["error"]["code"]) == (200, 503)
        at_once = peer.ask(CHAT, faulty("error_event", stream=False))
        assert (at_once.status, at_once.json["error"]["type"]) == (200, "server_error")
    assert counted(sim) == ({"broken": 3}, {"200": 3})


def test_split_utf8_says_the_same(sim: str) -> None:
    with Peer(sim) as peer:
        request = encoded(CHAT, faulty("split_utf8", after=6), headers="connection: close\r\n")
        peer.socket.sendall(request)
        reads = []
        while data := peer.socket.recv(65536):
            reads.append(data)
    assert len(reads) > 50
    whole = b"".join(reads)
    said = whole.decode().split('"content":"')[2:]
    assert "".join(part.partition('"')[0] for part in said) == text_of(6, wide=True)
    assert counted(sim) == ({"completed": 1}, {"200": 1})


def test_no_end(sim: str) -> None:
    with Peer(sim) as peer:
        reply = peer.ask(CHAT, faulty("no_end"))
        assert reply.whole
        assert b"[DONE]" not in reply.body
        assert b'finish_reason":"' not in reply.body
        native = peer.ask(NATIVE, {"prompt": "x", "stream": True, "sim": {"fault": "no_end"}})
        assert (native.whole, [event["stop"] for event in native.events]) == (True, [False] * 6)
        at_once = peer.ask(CHAT, faulty("no_end", stream=False)).json
        assert at_once["choices"][0]["finish_reason"] is None
    assert counted(sim) == ({"broken": 3}, {"200": 3})


def test_no_usage(sim: str) -> None:
    with Peer(sim) as peer:
        reply = peer.ask(CHAT, faulty("no_usage"))
        assert (reply.events[-1], b"usage" in reply.body) == ("[DONE]", False)
        assert "usage" not in peer.ask(COMPLETIONS, {"prompt": "x", "sim": {"fault": "no_usage"}}).json
        native = peer.ask(NATIVE, {"prompt": "x", "sim": {"fault": "no_usage"}}).json
        assert (native["stop"], "tokens_predicted" in native) == (True, False)
    assert counted(sim) == ({"completed": 3}, {"200": 3})


def test_close_after(sim: str) -> None:
    with Peer(sim) as peer:
        reply = peer.ask(CHAT, faulty("close_after"))
        assert (reply.whole, "connection" in reply.headers, reply.events[-1]) == (True, False, "[DONE]")
        assert peer.at_end()
    assert counted(sim) == ({"completed": 1}, {"200": 1})


def test_every_fault_is_counted_by_name_and_leaves_no_connection(sim: str) -> None:
    for name in FAULT_NAMES:
        with Peer(sim) as peer:
            peer.socket.sendall(encoded(CHAT, faulty(name, seconds=0.0), headers="connection: close\r\n"))
            peer.rest()
    deadline = time.monotonic() + 10
    while truth(sim)["requests"]["running"] and time.monotonic() < deadline:
        time.sleep(0.02)
    page = truth(sim)
    assert page["requests"]["faults"] == dict.fromkeys(sorted(FAULT_NAMES), 1)
    assert page["requests"]["started"] == len(FAULT_NAMES)
    assert page["connections"]["open"] == 1


def test_faults_by_rate_are_seeded() -> None:
    options = SimOptions(ttft=0.0, itl=0.0, tokens=1, seed=3, faults={"status": Fault(rate=0.3, status=500)})

    def statuses() -> list[int]:
        with simulated(options) as url, Peer(url) as peer:
            return [peer.ask(CHAT, chat()).status for _ in range(60)]

    first = statuses()
    assert first == statuses()
    assert set(first) == {200, 500}
    assert 6 < first.count(500) < 32

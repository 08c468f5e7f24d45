"""What each path answers, and that connections are kept."""

import json
import socket
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme

from sim_client import CHAT, COMPLETIONS, NATIVE, Peer, ask, chat, encoded, truth
from swelld.sim import SimOptions, simulated
from swelld.sim.wire import text_of

USAGE = {"include_usage": True}


def test_chat_stream_has_role_tokens_finish_usage_and_end_mark(sim: str) -> None:
    reply = ask(sim, CHAT, chat(model="named", max_tokens=3, stream_options=USAGE))
    assert reply.status == 200
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    role, *tokens, finish, usage, end = reply.events
    assert role["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert [event["choices"][0]["delta"] for event in tokens] == [
        {"content": " waves"},
        {"content": " swell"},
        {"content": " north"},
    ]
    assert finish["choices"][0] == {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "length"}
    assert usage["choices"] == []
    assert usage["usage"] == {
        "prompt_tokens": 4,  # "user\ntell me\n" has 13 characters
        "total_tokens": 7,
        "completion_tokens": 3,
        "prompt_tokens_details": {"cached_tokens": 0},
    }
    assert end == "[DONE]"
    assert {event["model"] for event in reply.events[:-1]} == {"named"}
    assert len({event["id"] for event in reply.events[:-1]}) == 1
    assert {event["object"] for event in reply.events[:-1]} == {"chat.completion.chunk"}


def test_chat_stream_without_usage_and_limit_stops_by_itself(sim: str) -> None:
    *tokens, finish, end = ask(sim, CHAT, chat()).events[1:]
    said = "".join(event["choices"][0]["delta"]["content"] for event in tokens)
    assert said == text_of(6)
    assert finish["choices"][0]["finish_reason"] == "stop"
    assert finish["model"] == "sim-model"
    assert end == "[DONE]"


def test_chat_at_once(sim: str) -> None:
    answer = ask(sim, CHAT, chat(stream=False, max_completion_tokens=2)).json
    assert answer["object"] == "chat.completion"
    assert answer["choices"][0]["message"] == {"role": "assistant", "content": " waves swell"}
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 2


def test_reasoning_and_tool_call(sim: str) -> None:
    asked = {"reasoning_tokens": 2, "tool_call": True}
    events = ask(sim, CHAT, chat(max_tokens=5, stream_options=USAGE, sim=asked)).events
    deltas = [event["choices"][0]["delta"] for event in events[1:6]]
    assert [delta["reasoning_content"] for delta in deltas[:2]] == [" waves", " swell"]
    calls = [delta["tool_calls"][0] for delta in deltas[2:]]
    assert calls[0]["function"]["name"] == "look"
    assert "name" not in calls[1]["function"]
    arguments = "".join(call["function"]["arguments"] for call in calls)
    assert json.loads(arguments) == {"text": text_of(3, first=2)}
    assert events[6]["choices"][0]["finish_reason"] == "tool_calls"
    assert events[7]["usage"]["completion_tokens_details"] == {"reasoning_tokens": 2}
    whole = ask(sim, CHAT, chat(max_tokens=5, stream=False, sim=asked)).json["choices"][0]["message"]
    assert whole["reasoning_content"] == " waves swell"
    assert whole["tool_calls"][0]["function"]["arguments"] == json.dumps(
        {"text": text_of(3, first=2)}, separators=(",", ":")
    )


def test_several_tokens_in_an_event(sim: str) -> None:
    asked = {"tokens_per_event": 3, "reasoning_tokens": 4}
    events = ask(sim, CHAT, chat(max_tokens=8, sim=asked)).events[1:-2]
    deltas = [event["choices"][0]["delta"] for event in events]
    thought = [{"reasoning_content": text_of(3)}, {"reasoning_content": text_of(1, first=3)}]
    assert deltas == [*thought, {"content": text_of(3, first=4)}, {"content": text_of(1, first=7)}]


def test_completions(sim: str) -> None:
    asked = {"prompt": "eight ch", "max_tokens": 2}
    *tokens, finish, usage, end = ask(sim, COMPLETIONS, {**asked, "stream": True, "stream_options": USAGE}).events
    assert [event["choices"][0]["text"] for event in tokens] == [" waves", " swell"]
    assert finish["choices"][0] == {"index": 0, "text": "", "logprobs": None, "finish_reason": "length"}
    assert (usage["choices"], usage["usage"]["prompt_tokens"], end) == ([], 2, "[DONE]")
    answer = ask(sim, COMPLETIONS, asked).json
    assert answer["object"] == "text_completion"
    assert answer["choices"][0]["text"] == " waves swell"
    assert answer["usage"]["total_tokens"] == 4


def test_llama_cpp_own_format(sim: str) -> None:
    *tokens, end = ask(sim, NATIVE, {"prompt": "eight ch", "n_predict": 2, "stream": True}).events
    assert [(event["content"], event["stop"], event["tokens_predicted"]) for event in tokens] == [
        (" waves", False, 1),
        (" swell", False, 2),
    ]
    assert (end["stop"], end["stop_type"], end["tokens_predicted"], end["tokens_evaluated"]) == (True, "limit", 2, 2)
    assert end["timings"]["predicted_n"] == 2
    answer = ask(sim, NATIVE, {"prompt": "eight ch", "n_predict": -1}).json
    assert (answer["content"], answer["stop"], answer["stop_type"]) == (text_of(6), True, "eos")


@pytest.mark.parametrize(
    ("path", "method", "body", "status", "reason"),
    [
        ("/nowhere", "GET", None, 404, "no such path: /nowhere"),
        (CHAT, "GET", None, 405, f"{CHAT} takes POST"),
        ("/metrics", "POST", None, 405, "/metrics takes GET"),
        (CHAT, "POST", b"{bad", 400, "JSON is malformed"),
        (CHAT, "POST", {"messages": []}, 400, "messages: at least one is needed"),
        (COMPLETIONS, "POST", {}, 400, "prompt: is missing"),
        (CHAT, "POST", chat(max_tokens=0), 400, "$.max_tokens"),
        (CHAT, "POST", chat(sim={"falt": "cut"}), 400, "unknown field `falt`"),
        (CHAT, "POST", chat(sim={"fault": "cutt"}), 400, "'cutt'"),
    ],
)
def test_refusals_name_the_reason(sim: str, path: str, method: str, body: Any, status: int, reason: str) -> None:
    reply = ask(sim, path, body, method)
    assert reply.status == status
    assert reason in reply.json["error"]["message"]
    assert reply.json["error"]["code"] == status
    assert ("allow" in reply.headers) == (status == 405)


def test_models_and_health(sim: str) -> None:
    assert ask(sim, "/v1/models", method="GET").json["data"][0]["id"] == "sim-model"
    assert ask(sim, "/health?verbose=1", method="GET").json == {"status": "ok"}


def test_header_decides_as_the_body_field_does(sim: str) -> None:
    events = ask(sim, CHAT, chat(), headers='x-sim: {"tokens": 2}\r\n').events
    assert len(events) == 1 + 2 + 2


def test_tokens_asked_for_are_the_lesser_of_both(sim: str) -> None:
    for limit, tokens, finish in ((4, 9, "length"), (9, 4, "stop"), (4, 4, "length")):
        reply = ask(sim, CHAT, chat(stream=False, max_tokens=limit, sim={"tokens": tokens})).json
        assert (reply["usage"]["completion_tokens"], reply["choices"][0]["finish_reason"]) == (4, finish)


def test_connection_is_kept(sim: str) -> None:
    with Peer(sim) as peer:
        for _ in range(3):
            assert peer.ask(CHAT, chat()).events[-1] == "[DONE]"
            assert peer.ask("/health", method="GET").status == 200
        assert truth(sim)["connections"]["open"] == 2


def test_pipelined_requests_are_answered_in_order(sim: str) -> None:
    with Peer(sim) as peer:
        asked = [encoded(CHAT, chat(max_tokens=tokens)) for tokens in range(1, 31)]
        peer.socket.sendall(b"".join(asked))
        assert [len(peer.reply().events) - 3 for _ in asked] == list(range(1, 31))
    assert truth(sim)["requests"]["completed"] == 30


def test_connection_closes_when_the_client_says_so(sim: str) -> None:
    with Peer(sim) as peer:
        reply = peer.ask(CHAT, chat(), headers="connection: close\r\n")
        assert (reply.headers["connection"], reply.whole) == ("close", True)
        assert peer.at_end()


def test_stream_over_http_1_0_is_refused(sim: str) -> None:
    with Peer(sim) as peer:
        peer.socket.sendall(encoded(CHAT, chat(), version="1.0"))
        assert peer.reply().status == 505
        assert peer.at_end()


def test_bytes_that_are_not_http_are_refused(sim: str) -> None:
    with Peer(sim) as peer:
        peer.socket.sendall(b"\x16\x03\x01 this is TLS or worse\r\n\r\n")
        assert peer.reply().status == 400
        assert peer.at_end()


def test_a_long_body_may_wait_for_permission(sim: str) -> None:
    request = encoded(CHAT, chat(), headers="expect: 100-continue\r\n")
    head, _, body = request.partition(b"\r\n\r\n")
    with Peer(sim) as peer:
        peer.socket.sendall(head + b"\r\n\r\n")
        assert peer.file.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert peer.file.readline() == b"\r\n"
        peer.socket.sendall(body)
        assert peer.reply().events[-1] == "[DONE]"


def test_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "sim.sock"
    with simulated(SimOptions(unix_socket=str(path), ttft=0.0, itl=0.0, tokens=2)) as url:
        assert url == f"unix://{path}"
        assert ask(url, CHAT, chat()).events[-1] == "[DONE]"
    assert not path.exists()


def test_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    cert = authority.issue_cert("sim.test")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    cert.cert_chain_pems[0].write_to_path(chain)
    cert.private_key_pem.write_to_path(key)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with simulated(SimOptions(tls_cert=str(chain), tls_key=str(key), ttft=0.001, itl=0.001, tokens=50)) as url:
        parts = urlsplit(url)
        assert parts.scheme == "https"
        plain = socket.create_connection((parts.hostname or "", parts.port or 0), 10)
        with context.wrap_socket(plain, server_hostname="sim.test") as secured:
            secured.sendall(encoded(CHAT, chat(), headers="connection: close\r\n"))
            answer = b""
            while data := secured.recv(65536):
                answer += data
    assert answer.count(b'"content":" ') == 50
    assert answer.endswith(b"0\r\n\r\n")


def test_tls_that_demands_a_client_certificate(tmp_path: Path) -> None:
    authority = trustme.CA()
    cert, client = authority.issue_cert("sim.test"), authority.issue_cert("client.test")
    chain, ca = tmp_path / "chain.pem", tmp_path / "ca.pem"
    cert.private_key_and_cert_chain_pem.write_to_path(chain)
    authority.cert_pem.write_to_path(ca)
    anonymous, known = ssl.create_default_context(), ssl.create_default_context()
    for context in (anonymous, known):
        authority.configure_trust(context)
    client.configure_cert(known)

    def health(context: ssl.SSLContext, port: int) -> bytes:
        plain = socket.create_connection(("127.0.0.1", port), 10)
        with context.wrap_socket(plain, server_hostname="sim.test") as secured:
            try:
                secured.sendall(encoded("/health", method="GET"))
                return secured.recv(65536)
            except OSError:  # an alert or a reset, as the race of the two sides has it
                return b""

    with simulated(SimOptions(tls_cert=str(chain), tls_client_ca=str(ca))) as url:
        port = urlsplit(url).port or 0
        assert health(known, port).startswith(b"HTTP/1.1 200 OK")
        assert health(anonymous, port) == b""

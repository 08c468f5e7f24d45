"""The realistic mode over HTTP: a queue that can be felt, a cache that can be seen, metrics that can be read."""

import threading
import time
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from sim_client import CHAT, NATIVE, Peer, Reply, ask, chat, encoded, truth
from swelld.sim import SimOptions, simulated

SLOW = SimOptions(mode="realistic", max_num_seqs=2, step_base=0.01, tokens=10)
USAGE = {"include_usage": True}


def metrics(url: str) -> dict[str, float]:
    """Every sample by its name; those with more labels than model and engine as name{value}."""
    reply = ask(url, "/metrics", method="GET")
    found = {}
    for family in text_string_to_metric_families(reply.body.decode()):
        for sample in family.samples:
            more = [value for name, value in sample.labels.items() if name not in ("model_name", "engine")]
            found[f"{sample.name}{{{more[0]}}}" if more else sample.name] = sample.value
    return found


def together(url: str, bodies: list[dict[str, Any]]) -> list[tuple[float, Reply]]:
    """Send all at once in this order; (seconds to the first byte, reply) of each."""
    found: dict[int, tuple[float, Reply]] = {}

    def finish(place: int, peer: Peer, started: float) -> None:
        peer.file.peek(1)
        first = time.monotonic() - started
        found[place] = (first, peer.reply())

    peers = [Peer(url) for _ in bodies]
    threads = []
    for place, (peer, body) in enumerate(zip(peers, bodies, strict=True)):
        peer.socket.sendall(encoded(CHAT, body))
        threads.append(threading.Thread(target=finish, args=(place, peer, time.monotonic())))
        threads[-1].start()
        time.sleep(0.002)
    for thread, peer in zip(threads, peers, strict=True):
        thread.join()
        peer.__exit__()
    return [found[place] for place in range(len(bodies))]


def test_queueing_shows_in_the_first_token() -> None:
    with simulated(SLOW) as url:
        answers = together(url, [chat() for _ in range(8)])
        page = truth(url)
    firsts = [first for first, _ in answers]
    assert all(len(reply.events) == 10 + 3 for _, reply in answers)
    assert firsts[6] > firsts[4] > firsts[2] > firsts[0]
    assert firsts[6] > 0.25  # three rounds of ten steps before it
    assert page["requests"]["completed"] == 8
    assert (page["ttft"]["count"], page["itl"]["count"]) == (8, 72)
    assert page["itl"]["p50"] > 0.0095


def test_prefix_cache_and_metrics() -> None:
    prompt = "the same long beginning " * 20
    with simulated(SimOptions(mode="realistic", model='qu"oted', step_base=0.001)) as url:
        before = metrics(url)
        usages = [
            ask(url, CHAT, chat(messages=[{"role": "user", "content": prompt + end}], stream_options=USAGE)).events[-2]
            for end in ("one", "two")
        ]
        ask(url, NATIVE, {"prompt": "short", "n_predict": 3})
        after, page = metrics(url), truth(url)
        labelled = ask(url, "/metrics", method="GET").body.decode()
    tokens = [usage["usage"]["prompt_tokens"] for usage in usages]
    cached = [usage["usage"]["prompt_tokens_details"]["cached_tokens"] for usage in usages]
    assert tokens == [123, 123]
    assert cached == [0, 112]  # seven blocks of 16
    assert after["vllm:prefix_cache_queries_total"] == 123 + 123 + 2
    assert after["vllm:prefix_cache_hits_total"] == 112 == page["tokens"]["cached"]
    assert after["vllm:prompt_tokens_total"] == 248
    assert after["vllm:generation_tokens_total"] == 64 + 64 + 3
    assert after["vllm:request_success_total{stop}"] == 2
    assert after["vllm:request_success_total{length}"] == 1
    assert after["vllm:time_to_first_token_seconds_count"] == 2
    assert after["vllm:inter_token_latency_seconds_count"] == 126
    assert after["vllm:e2e_request_latency_seconds_count"] == 3
    assert after["vllm:e2e_request_latency_seconds_bucket{+Inf}"] == 3
    assert after["vllm:num_preemptions_total"] == 0
    assert (after["vllm:num_requests_running"], after["vllm:kv_cache_usage_perc"]) == (0, 0)
    assert before["vllm:request_success_total{abort}"] == 0
    assert 'model_name="qu\\"oted",engine="0"' in labelled


def test_gauges_while_a_queue_waits_and_a_limit_that_refuses() -> None:
    changed = {
        "max_num_seqs": 1,
        "kv_blocks": 20,
        "block_size": 128,
        "max_model_len": 320,
        "tokens": 100,
        "queue_limit": 1,
    }
    with simulated(SimOptions(mode="realistic", step_base=0.05, **changed)) as url:  # type: ignore[arg-type]
        with Peer(url) as running, Peer(url) as waiting:
            running.socket.sendall(encoded(CHAT, chat()))
            running.file.peek(1)
            waiting.socket.sendall(encoded(CHAT, chat()))
            while (found := metrics(url))["vllm:num_requests_waiting"] == 0:
                time.sleep(0.01)
            refused = ask(url, CHAT, chat())
            assert found["vllm:num_requests_running"] == 1
            assert found["vllm:kv_cache_usage_perc"] == 1 / 20
            assert found["vllm:cache_config_info{128}"] == 1
            assert refused.status == 503
            assert "1 requests wait already" in refused.json["error"]["message"]
        deadline = time.monotonic() + 10
        while truth(url)["requests"]["running"] and time.monotonic() < deadline:
            time.sleep(0.01)
        page, after = truth(url)["requests"], metrics(url)
    assert (page["aborted_by_client"], page["refused"]) == (2, 1)
    assert (after["vllm:num_requests_running"], after["vllm:num_requests_waiting"]) == (0, 0)
    assert after["vllm:request_success_total{abort}"] == 2
    assert after["vllm:kv_cache_usage_perc"] == 0


def test_too_long_is_refused_and_faults_of_bytes_still_strike() -> None:
    with simulated(SimOptions(mode="realistic", max_model_len=100, step_base=0.001)) as url, Peer(url) as peer:
        reply = peer.ask(CHAT, chat(max_tokens=97))
        assert reply.status == 400
        assert "more than the model's 100" in reply.json["error"]["message"]
        assert peer.ask(CHAT, chat(max_tokens=96)).events[-1] == "[DONE]"
        assert peer.ask(CHAT, chat(sim={"fault": "status", "status": 500})).status == 500
        assert not peer.ask(CHAT, chat(sim={"fault": "cut", "after": 2})).whole
        assert peer.at_end()
        page, after = truth(url)["requests"], metrics(url)
    assert (page["completed"], page["broken"], page["refused"], page["running"]) == (1, 2, 1, 0)
    assert after["vllm:num_requests_running"] == 0


def test_answers_at_once_come_with_the_last_token() -> None:
    with simulated(SLOW) as url:
        started = time.monotonic()
        reply = ask(url, CHAT, chat(stream=False))
        assert time.monotonic() - started > 0.1
        assert reply.json["usage"]["completion_tokens"] == 10
        page = truth(url)
    assert (page["e2e"]["count"], page["ttft"]["count"], page["events"]) == (1, 0, 1)
    assert page["e2e"]["mean"] > 0.1


def test_scripted_mode_serves_the_same_names() -> None:
    with simulated(SimOptions(ttft=0.0, itl=0.0)) as scripted, simulated(SLOW) as realistic:
        ask(scripted, CHAT, chat())
        names, all_names = set(metrics(scripted)), set(metrics(realistic))
        assert metrics(scripted)["vllm:generation_tokens_total"] == 64
    assert all_names - names == {"vllm:cache_config_info{16}"}

"""The ledger: its own arithmetic, and that what it says is what happened."""

import time

import numpy as np
import pytest

from sim_client import CHAT, Peer, ask, chat, encoded, truth
from swelld.sim.ledger import BATCH, Buckets, Ledger, Tally


def test_tally_is_right_to_a_tenth_of_a_percent() -> None:
    values = np.random.default_rng(7).lognormal(-4, 1, 20_000)
    tally = Tally()
    for part in np.array_split(values, 30):
        tally.add(part)
    summary = tally.summary()
    assert summary["count"] == 20_000
    assert summary["mean"] == pytest.approx(values.mean(), rel=1e-9)
    assert summary["max"] == values.max()
    for name, share in (("p50", 50), ("p90", 90), ("p99", 99)):
        exact = np.percentile(values, share, method="inverted_cdf")
        assert summary[name] == pytest.approx(exact, rel=1e-3), name


def test_tally_holds_values_beyond_its_bins() -> None:
    tally = Tally()
    tally.add(np.array([0.0, 1e-9, 1e6]))
    assert (tally.count, tally.max) == (3, 1e6)
    assert tally.quantile(0.5) == pytest.approx(1e-6, rel=1e-3)


def test_empty_tally_says_nothing() -> None:
    assert Tally().summary() == {"count": 0}


def test_buckets_hold_their_upper_bound() -> None:
    buckets = Buckets((0.1, 0.2))
    buckets.add(np.array([0.1, 0.15, 0.2, 0.21]))
    assert buckets.counts.tolist() == [1, 2, 1]
    assert buckets.sum == pytest.approx(0.66)


def test_reset_empties_the_truth_and_not_the_metrics() -> None:
    ledger = Ledger()
    ledger.ttft.waiting.extend([0.01] * (BATCH + 1))
    ledger.tick("started", 2)
    ledger.reset()
    ledger.ttft.waiting.append(0.02)
    ledger.tick("started")
    page = ledger.truth()
    assert (page["ttft"]["count"], page["ttft"]["max"], page["requests"]["started"]) == (1, 0.02, 1)
    assert ledger.ttft.buckets is not None
    assert (ledger.ttft.buckets.counts.sum(), ledger.total["started"]) == (BATCH + 2, 3)


def test_truth_counts_what_was_done(sim: str) -> None:
    with Peer(sim) as peer:
        for _ in range(5):
            peer.ask(CHAT, chat(max_tokens=7))
        peer.ask(CHAT, chat(max_tokens=4, stream=False))
        peer.ask(CHAT, b"{")
        page = truth(sim)
    assert page["requests"] == {
        "started": 7,
        "completed": 6,
        "broken": 0,
        "refused": 1,
        "aborted_by_client": 0,
        "running": 0,
        "by_status": {"200": 6, "400": 1},
        "faults": {},
    }
    assert page["tokens"] == {"prompt": 6 * 4, "cached": 0, "output": 39}
    assert page["events"] == 36
    counts = {name: page[name]["count"] for name in ("ttft", "itl", "e2e", "lateness")}
    assert counts == {"ttft": 5, "itl": 30, "e2e": 6, "lateness": 36}


def test_truth_is_the_schedule_and_the_lateness(sim: str) -> None:
    asked = {"ttft": 0.05, "itl": 0.02, "tokens": 5}
    with Peer(sim) as peer:
        for _ in range(4):
            started = time.monotonic()
            peer.ask(CHAT, chat(sim=asked))
            assert time.monotonic() - started >= 0.13
    page = truth(sim)
    late = page["lateness"]
    assert 0.05 <= page["ttft"]["mean"] <= 0.05 + late["max"] + 1e-6
    assert page["itl"]["mean"] == pytest.approx(0.02, abs=late["max"] / 2 + 1e-6)
    assert 0.13 <= page["e2e"]["mean"] <= 0.13 + late["max"] + 1e-6
    assert 0 <= late["p50"] < 0.05


def test_broken_answers_have_no_moments(sim: str) -> None:
    for fault in ("cut", "reset", "garbage_event", "error_event", "no_end", "stall"):
        with Peer(sim, timeout=0.2) as peer:
            peer.socket.sendall(encoded(CHAT, chat(sim={"fault": fault}), headers="connection: close\r\n"))
            peer.rest()
    page = truth(sim)
    assert [page[name] for name in ("ttft", "itl", "e2e", "lateness")] == [{"count": 0}] * 4
    assert (page["requests"]["broken"], page["tokens"]["output"]) == (6, 5 * 3 + 6)


def test_a_client_that_leaves_is_counted_once(sim: str) -> None:
    with Peer(sim) as peer:
        peer.socket.sendall(encoded(CHAT, chat(sim={"itl": 5})))
        peer.socket.recv(65536)
        assert truth(sim)["requests"]["running"] == 1
    deadline = time.monotonic() + 10
    while (page := truth(sim)["requests"])["running"] and time.monotonic() < deadline:
        time.sleep(0.01)
    assert {name: page[name] for name in ("started", "completed", "aborted_by_client", "running")} == {
        "started": 1,
        "completed": 0,
        "aborted_by_client": 1,
        "running": 0,
    }
    assert truth(sim)["tokens"]["output"] == 1


def test_a_client_that_does_not_read_is_cut_off(sim: str) -> None:
    with Peer(sim) as peer:
        peer.socket.sendall(encoded(CHAT, chat(max_tokens=400_000, sim={"itl": 0, "ttft": 0})))
        deadline = time.monotonic() + 30
        while truth(sim)["requests"]["running"] and time.monotonic() < deadline:
            time.sleep(0.05)
        assert truth(sim)["requests"]["aborted_by_client"] == 1
        assert type(peer.rest()[1]) is ConnectionResetError


def test_ask_leaves_nothing_open(sim: str) -> None:
    ask(sim, CHAT, chat())
    assert truth(sim)["connections"]["open"] == 1

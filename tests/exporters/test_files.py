"""requests.jsonl: every line whole, derived as defined, without secrets."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from swelld import derived
from swelld.measurement import ErrorType, Outcome
from swelld_exporters.files import RequestsFile, summary
from written_requests import ANSWERED, DROPPED, ORIGIN, WALL, written


def test_line_of_a_streamed_answer(tmp_path: Path) -> None:
    assert written(tmp_path / "requests.jsonl", [[ANSWERED]]) == [
        {
            "time": "2025-11-14T10:20:31.500000+00:00",
            "stage": "concurrency=10",
            "target": "local",
            "model": "tiny",
            "index": 4,
            "warmup": False,
            "outcome": "ok",
            "error_type": None,
            "detail": None,
            "status": 200,
            "due": 1.0,
            "sent": 1.5,
            "first_byte": 1.75,
            "first_token": 2.0,
            "first_answer": 2.25,
            "last_token": 3.0,
            "end": 3.5,
            "connect": 0.000432,
            "lag": 0.5,
            "ttfb": 0.25,
            "ttft": 0.5,
            "ttfo": 0.75,
            "tpot": 0.25,
            "e2e": 1.5,
            "corrected_ttft": 1.0,
            "corrected_e2e": 2.0,
            "itl": {"count": 2, "mean": 0.5, "p50": 0.5, "p99": 0.745, "max": 0.75},
            "streamed": True,
            "resends": 0,
            "input_tokens": 256,
            "output_tokens": 5,
            "token_source": "server",
            "cached_tokens": None,
            "reasoning_tokens": None,
            "token_mismatch": False,
            "finish_reason": "stop",
            "failed_check": None,
            "prompt": "synthetic-4",
            "category": "short",
            "turn": None,
        }
    ]


def test_dropped_arrival_has_nulls_and_its_due_time(tmp_path: Path) -> None:
    (line,) = written(tmp_path / "requests.jsonl", [[DROPPED]])
    assert line["time"] == "2025-11-14T10:20:32.000000+00:00"
    assert (line["due"], line["target"], line["model"], line["outcome"]) == (2.0, "other", "big", "dropped")
    never = ("sent", "first_byte", "first_token", "last_token", "end", "lag", "ttft", "tpot", "e2e", "itl")
    assert {name: line[name] for name in never} == dict.fromkeys(never)


def test_derived_values_are_those_of_the_definitions(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    batch = []
    for index in range(50):
        start = ORIGIN + float(rng.uniform(0, 60))
        events = np.sort(start + rng.uniform(0.01, 3, size=index))
        batch.append(
            msgspec.structs.replace(
                ANSWERED,
                index=index,
                due=start - float(rng.uniform(0, 0.1)),
                sent=start,
                tokens_at=events.tobytes(),
                streamed=index % 7 != 0,
                output_tokens=index,
                end=start + 4.0,
            )
        )
    lines = written(tmp_path / "requests.jsonl", [batch])
    for name in ("lag", "ttfb", "ttft", "ttfo", "tpot", "e2e", "corrected_ttft", "corrected_e2e"):
        wanted = [getattr(derived, name)(m) for m in batch]
        assert [line[name] for line in lines] == [None if value is None else round(value, 6) for value in wanted]


def test_summary_is_numpys() -> None:
    gaps = np.random.default_rng(5).exponential(0.01, size=127)
    found = summary(gaps)
    assert found is not None
    assert found.count == 127
    expected = [gaps.mean(), np.quantile(gaps, 0.5), np.quantile(gaps, 0.99), gaps.max()]
    assert [found.mean, found.p50, found.p99, found.max] == pytest.approx(expected, abs=1e-6)
    assert summary(np.zeros(0)) is None


def test_gaps_in_full_only_where_asked_for(tmp_path: Path) -> None:
    (line,) = written(tmp_path / "full.jsonl", [[ANSWERED]], gaps=True)
    assert line["gaps"] == [0.25, 0.75]
    (line,) = written(tmp_path / "plain.jsonl", [[ANSWERED]])
    assert "gaps" not in line


def test_text_only_where_it_was_kept_and_without_secrets(tmp_path: Path) -> None:
    kept = msgspec.structs.replace(ANSWERED, text="the key is K1, on\ntwo lines")
    lines = written(tmp_path / "requests.jsonl", [[kept, ANSWERED]], secrets=["K1", ""])
    assert lines[0]["text"] == "the key is ***, on\ntwo lines"
    assert "text" not in lines[1]


def test_secret_that_a_server_repeats_is_masked(tmp_path: Path) -> None:
    refused = msgspec.structs.replace(
        ANSWERED,
        outcome=Outcome.REJECTED,
        error_type=ErrorType.HTTP_4XX,
        status=401,
        detail="Incorrect API key provided: K1.",
    )
    (line,) = written(tmp_path / "requests.jsonl", [[refused]], secrets=["K1"])
    assert line["detail"] == "Incorrect API key provided: ***."
    assert (line["outcome"], line["error_type"], line["status"]) == ("rejected", "http_4xx", 401)


def test_batches_are_in_the_file_as_soon_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    with RequestsFile(path, stages=["a", "b"], targets=[("local", "tiny")], origin=ORIGIN, wall=WALL) as file:
        file.write([ANSWERED] * 3)
        assert path.read_bytes().count(b"\n") == 3
        file.write([])
        file.write([ANSWERED])
        assert path.read_bytes().endswith(b"}\n")
        assert path.read_bytes().count(b"\n") == 4


def test_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    path.write_text("mine\n")
    with pytest.raises(FileExistsError):
        written(path, [[ANSWERED]])
    assert path.read_text() == "mine\n"

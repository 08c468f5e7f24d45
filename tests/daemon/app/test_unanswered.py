"""Runs in which no request was answered: what is said of them."""

import msgspec
import pytest

from sample_results import result, stage
from swelld.app.unanswered import unanswered
from swelld.result import ErrorCount, Requests, StageResult

PATH = "check the path in --server, --api, and --model (the server's GET /v1/models lists what it has)"
KEY = "give the key with --api-key or targets.NAME.api_key"
LONGER = "give it longer with --timeout or targets.NAME.timeouts, or ask less of it"
SPEAKS = "is it a server for LLMs, and does it speak this --api (targets.NAME.api)?"


def failed(**errors: ErrorCount) -> StageResult:
    count = sum(error.count for error in errors.values())
    requests = Requests(scheduled=count, started=count, ok=0, failed=count, dropped=0)
    return msgspec.structs.replace(stage(), requests=requests, errors=errors)


def test_one_answer_is_enough() -> None:
    one = Requests(scheduled=9, started=9, ok=1, failed=8, dropped=0)
    assert unanswered(result([failed(connect=ErrorCount(3, "unreachable")), stage(requests=one)])) is None


@pytest.mark.parametrize(
    ("kind", "sample", "said"),
    [
        ("http_4xx", "HTTP 401: no such key", f"5 times http_4xx: HTTP 401: no such key; {KEY}"),
        ("http_4xx", "HTTP 403", f"5 times http_4xx: HTTP 403; {KEY}"),
        (
            "http_4xx",
            "HTTP 404: no such model",
            f"5 times http_4xx: HTTP 404: no such model; {PATH}",
        ),
        ("http_4xx", "HTTP 400: too\nlong\x1b[0m", "5 times http_4xx: HTTP 400: too long [0m"),
        ("http_5xx", "HTTP 500", "5 times http_5xx: HTTP 500; its own log says why"),
        ("protocol", "no JSON: <html>", f"5 times protocol: no JSON: <html>; {SPEAKS}"),
        ("ttft_timeout", None, f"5 times ttft_timeout; {LONGER}"),
    ],
)  # fmt: skip
def test_what_failed_mostly_is_said_with_its_remedy(kind: str, sample: str | None, said: str) -> None:
    stages = [failed(dns=ErrorCount(4, "unreachable", "gone")), failed(**{kind: ErrorCount(5, "failed", sample)})]
    told = result(stages)
    assert unanswered(told) == f"{told.run.scenario}: no request of 9 was answered; {said}"


def test_nothing_was_measured() -> None:
    nothing = Requests(scheduled=0, started=0, ok=0, failed=0, dropped=0)
    for stages in ([], [stage(requests=nothing)]):
        told = result([])
        told = msgspec.structs.replace(told, stages=stages)
        assert unanswered(told) == f"{told.run.scenario}: it ended before anything was measured"

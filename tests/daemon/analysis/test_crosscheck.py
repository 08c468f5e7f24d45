"""Client against server: what is compared, within what, and what is said of it."""

from typing import Any

import msgspec
import pytest

import sample_servers
from swelld.analysis.crosscheck import ALONE, BETWEEN, DIFFERENT, Client, Mean, compare, crosscheck
from swelld.result import ServerCheck, ServerResult

SERVER = sample_servers.server(requests=100.0, input_tokens=25600.0, output_tokens=12800.0, ttft_mean=0.2, e2e_mean=1.3)


def mean(value: float, count: int = 100) -> Mean:
    return Mean(value * count, count)


def client(**changes: Any) -> Client:
    plain: dict[str, Any] = {
        "ok": 100,
        "doubtful": 0,
        "input_tokens": 25600,
        "output_tokens": 12800,
        "ttft": mean(0.203),
        "e2e": mean(1.303),
    }
    return Client(**{**plain, **changes})


def agree(ours: Client, **changes: Any) -> dict[str, bool]:
    return {check.figure: check.agrees for check in compare(ours, msgspec.structs.replace(SERVER, **changes))}


ALL = dict.fromkeys(("requests", "input tokens", "output tokens", "ttft", "e2e"), True)


def test_figures_that_agree() -> None:
    assert agree(client()) == ALL
    assert compare(client(), SERVER)[1] == ServerCheck("input tokens", 25600.0, 25600.0, agrees=True)


@pytest.mark.parametrize(
    ("changes", "figure", "agrees"),
    [
        ({"requests": 105.0}, "requests", True),
        ({"requests": 106.0}, "requests", False),
        ({"requests": 94.0}, "requests", False),
        ({"input_tokens": 24400.0}, "input tokens", True),
        ({"input_tokens": 24300.0}, "input tokens", False),
        ({"output_tokens": 12200.0}, "output tokens", True),
        ({"output_tokens": 14000.0}, "output tokens", False),
        ({"ttft_mean": 0.194}, "ttft", True),
        ({"ttft_mean": 0.19}, "ttft", False),
        ({"ttft_mean": 0.22}, "ttft", False),
        ({"e2e_mean": 1.25}, "e2e", True),
        ({"e2e_mean": 1.2}, "e2e", False),
    ],
)
def test_the_tolerance_is_a_share_of_the_servers_figure(changes: dict[str, float], figure: str, agrees: bool) -> None:
    assert agree(client(), **changes) == {**ALL, figure: agrees}


def test_another_tolerance() -> None:
    assert agree(client(), requests=119.0, tolerance=0.2)["requests"]
    assert not agree(client(), requests=99.0, tolerance=0.005)["requests"]


def test_short_times_may_differ_by_the_way_there_and_back() -> None:
    assert agree(client(ttft=mean(0.0149)), ttft_mean=0.01)["ttft"]
    assert not agree(client(ttft=mean(0.0151)), ttft_mean=0.01)["ttft"]


@pytest.mark.parametrize(("server", "agrees"), [(100.0, True), (104.0, True), (120.0, True), (126.0, False)])
def test_requests_of_a_doubtful_end_may_be_among_the_servers(server: float, agrees: bool) -> None:
    assert agree(client(doubtful=20), requests=server)["requests"] is agrees


def test_with_many_doubtful_ends_only_requests_can_be_compared() -> None:
    assert agree(client(doubtful=5)) == ALL
    assert agree(client(doubtful=6)) == {"requests": True}


def test_what_only_one_of_them_has_is_not_compared() -> None:
    assert agree(client(input_tokens=None, ttft=Mean())) == {
        key: True for key in ALL if key not in ("input tokens", "ttft")
    }
    assert agree(client(), requests=None, output_tokens=None, ttft_mean=None, e2e_mean=None) == {"input tokens": True}


def test_a_time_that_few_answers_have_is_not_compared() -> None:
    assert "ttft" in agree(client(ttft=mean(0.2, 95)))
    assert "ttft" not in agree(client(ttft=mean(0.2, 94)))


def test_without_a_good_answer_there_is_nothing_to_compare() -> None:
    assert compare(client(ok=0, doubtful=7), SERVER) == []


def checked(**changes: Any) -> ServerResult:
    server = msgspec.structs.replace(SERVER, **changes)
    return msgspec.structs.replace(server, checks=compare(client(), server))


def test_findings_of_figures_that_agree() -> None:
    found = crosscheck([checked()])
    assert [(f.level, f.subject, f.stage, f.target, f.reason) for f in found] == [
        ("PASS", subject, None, "local", None)
        for subject in ("server requests", "server tokens", "server ttft", "server e2e")
    ]
    inputs, outputs = (f"{n} by the server, {n} by swelld" for n in ("25,600", "12,800"))
    assert [f.text for f in found] == [
        f"100 by the server, 100 by swelld: within 5% ({ALONE})",
        f"input {inputs}; output {outputs}: within 5% ({ALONE})",
        f"mean 200 ms by the server, 203 ms by swelld: within 5% ({ALONE})",
        f"mean 1.30 s by the server, 1.30 s by swelld: within 5% ({ALONE})",
    ]


def test_findings_of_figures_that_do_not() -> None:
    found = {f.subject: f for f in crosscheck([checked(output_tokens=100.0, ttft_mean=0.1)])}
    assert (found["server tokens"].level, found["server tokens"].reason) == ("WARNING", DIFFERENT)
    assert "output 100 by the server, 12,800 by swelld: not within 5%" in found["server tokens"].text
    assert (found["server ttft"].level, found["server ttft"].reason) == ("WARNING", BETWEEN)
    assert found["server ttft"].text.startswith("mean 100 ms by the server, 203 ms by swelld: not within 5%")
    assert found["server requests"].level == "PASS"


def test_the_margin_of_short_times_is_the_way_there_and_back() -> None:
    quick = msgspec.structs.replace(SERVER, ttft_mean=0.012)
    quick = msgspec.structs.replace(quick, checks=compare(client(ttft=mean(0.0163)), quick))
    found = {f.subject: f for f in crosscheck([quick])}["server ttft"]
    assert (found.level, found.text) == (
        "PASS",
        f"mean 12.0 ms by the server, 16.3 ms by swelld: within 5 ms ({ALONE})",
    )


def test_every_target_has_findings_of_its_own_and_one_without_checks_has_none() -> None:
    other = msgspec.structs.replace(checked(), target="other", note="busy", checks=[])
    assert [f.target for f in crosscheck([checked(requests=None, input_tokens=None), other])] == ["local"] * 3

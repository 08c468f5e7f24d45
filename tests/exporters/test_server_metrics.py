"""What servers say of themselves: every engine's page read alike, growth over restarts, pages found or not."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socketserver import UnixStreamServer
from time import monotonic
from typing import Any

import pytest
import trustme
from prometheus_client.parser import text_string_to_metric_families

from swelld_exporters.server_metrics import fetch as fetching
from swelld_exporters.server_metrics.engines import ENGINES, Quantity
from swelld_exporters.server_metrics.fetch import Answer, Page, fetch
from swelld_exporters.server_metrics.page import read, samples
from swelld_exporters.server_metrics.scraper import NoMetrics, Scraper
from swelld_exporters.server_metrics.series import Growth, Spread, Timeline

PAGES = Path(__file__).parents[1] / "testdata/server_metrics"

SGLANG = {
    "requests_waiting": 4.0, "requests_running": 8.0, "kv_cache_usage": 0.28, "prefix_cache_queries": 8000.0,
    "prefix_cache_hits": 100.0, "preemptions": 3.0, "requests": 90.0, "input_tokens": 8000.0, "output_tokens": 700.0,
    "ttft_sum": 9.0, "ttft_count": 90.0, "e2e_sum": 180.0, "e2e_count": 90.0,
}  # fmt: skip
KNOWN: dict[str, tuple[str, dict[str, float]]] = {
    "vllm": ("vllm", {
        "requests_waiting": 7.0, "requests_running": 5.0, "kv_cache_usage": 0.75, "prefix_cache_queries": 4096.0,
        "prefix_cache_hits": 1024.0, "preemptions": 2.0, "requests": 40.0, "input_tokens": 5000.0,
        "output_tokens": 1200.0, "ttft_sum": 2.5, "ttft_count": 40.0, "e2e_sum": 44.0, "e2e_count": 40.0,
    }),
    "vllm_old": ("vllm", {
        "requests_running": 1.0, "kv_cache_usage": 0.5, "prefix_cache_queries": 100.0, "prefix_cache_hits": 7.0,
    }),
    "sglang": ("sglang", SGLANG),
    "sglang_underscore": ("sglang", SGLANG),
    "tgi": ("tgi", {
        "requests_waiting": 2.0, "requests_running": 6.0, "requests": 40.0, "input_tokens": 900.0,
        "output_tokens": 1600.0, "e2e_sum": 80.5, "e2e_count": 40.0,
    }),
    "llamacpp": ("llamacpp", {
        "requests_waiting": 12.0, "requests_running": 4.0, "prefix_cache_queries": 80.0, "prefix_cache_hits": 30.0,
        "input_tokens": 80.0, "output_tokens": 119.0,
    }),
    "llamacpp_old": ("llamacpp", {
        "requests_waiting": 0.0, "requests_running": 1.0, "kv_cache_usage": 0.125, "output_tokens": 119.0,
    }),
    "triton": ("triton", {"requests_waiting": 1.0, "requests": 3.0, "ttft_sum": 0.156, "ttft_count": 3.0}),
    "triton_trtllm": ("triton_trtllm", {
        "requests_waiting": 5.0, "requests_running": 16.0, "kv_cache_usage": 0.4, "requests": 12.0,
    }),
    "trtllm": ("trtllm", {
        "requests_waiting": 1.0, "requests_running": 7.0, "kv_cache_usage": 0.05, "requests": 22.0, "ttft_sum": 1.1,
        "ttft_count": 22.0, "e2e_sum": 33.0, "e2e_count": 22.0,
    }),
    "dynamo": ("dynamo", {
        "requests_waiting": 7.0, "requests_running": 8.0, "prefix_cache_queries": 33240.0, "prefix_cache_hits": 640.0,
        "requests": 64.0, "input_tokens": 33240.0, "output_tokens": 2050.0, "ttft_sum": 6.4, "ttft_count": 64.0,
        "e2e_sum": 19.2, "e2e_count": 64.0,
    }),
}  # fmt: skip
VLLM = (PAGES / "vllm.txt").read_text()


@pytest.mark.parametrize("name", KNOWN)
def test_every_engine_is_read_alike(name: str) -> None:
    engine, values = KNOWN[name]
    found = read((PAGES / f"{name}.txt").read_text())
    assert found.engine == engine
    assert found.values == pytest.approx(values)


def test_every_engine_and_every_page_is_tested() -> None:
    assert {engine for engine, _ in KNOWN.values()} == {engine.name for engine in ENGINES}
    assert {path.stem for path in PAGES.iterdir()} == set(KNOWN)


@pytest.mark.parametrize("name", KNOWN)
def test_samples_are_those_that_prometheus_would_read(name: str) -> None:
    page = (PAGES / f"{name}.txt").read_text()
    theirs: dict[str, list[tuple[Mapping[str, str], float]]] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            theirs.setdefault(sample.name, []).append((sample.labels, float(sample.value)))
    mine = samples(page.splitlines(), set(theirs))
    assert repr({key: list(mine[key]) for key in sorted(mine)}) == repr({key: theirs[key] for key in sorted(theirs)})


@pytest.mark.parametrize(
    ("page", "engine", "values"),
    [
        ("", None, {}),
        ("<html>not vllm: a page</html>", None, {}),
        ("# TYPE vllm:num_requests_running gauge\n", None, {}),
        ("go_goroutines 7\nprocess_open_fds 9\n", None, {}),
        ("vllm:num_requests_running 1 1795300000000\n", "vllm", {"requests_running": 1.0}),
        ("vllm:num_requests_running{} 1\r\nvllm:num_requests_waiting\t2\r\n", "vllm", {"requests_running": 1.0}),
        ("vllm:num_requests_running NaN\nvllm:num_requests_waiting +Inf\n", "vllm", {}),
        ("vllm:num_requests_running many\nvllm:num_requests_waiting{a=\n", "vllm", {}),
        ('vllm:request_success_total{finished_reason="abort"} 4\n', "vllm", {"requests": 0.0}),
        ('vllm:generation_tokens_total{model_name="}"} 3\n', "vllm", {"output_tokens": 3.0}),
    ],
)
def test_odd_pages(page: str, engine: str | None, values: dict[str, float]) -> None:
    assert read(page) == (engine, values)


def test_growth_starts_with_nothing_and_goes_on_over_a_restart() -> None:
    growth = Growth()
    tokens, waiting, hits = Quantity.OUTPUT_TOKENS, Quantity.WAITING, Quantity.PREFIX_HITS
    assert growth.take({tokens: 1000.0, waiting: 3.0}) == {tokens: 0.0}
    assert growth.take({tokens: 1010.0, waiting: 1.0}) == {tokens: 10.0}
    assert growth.take({tokens: 4.0}) == {tokens: 4.0}  # it began anew and has counted four since
    assert growth.take({tokens: 5.0, hits: 2.0}) == {tokens: 1.0, hits: 2.0}  # shown first when it first counted
    assert growth.total == {tokens: 15.0, hits: 2.0}
    assert growth.restarts == 1


def test_a_spread_has_mean_and_maximum_also_below_zero() -> None:
    spread = Spread()
    for value in (-3.0, -1.0, -2.0):
        spread.take(value)
    assert (spread.mean, spread.max, spread.count) == (-2.0, -1.0, 3)


@pytest.mark.parametrize("count", [1, 7, 8, 9, 16, 17, 1000])
def test_a_timeline_stays_short_and_keeps_every_peak(count: int) -> None:
    timeline = Timeline(limit=8)
    for number in range(count):
        peak = 99.0 if number == count // 2 else 1.0
        timeline.take(float(number), {Quantity.WAITING: peak, Quantity.PREEMPTIONS: float(number)})
    points = timeline.points
    assert len(points) <= 8
    assert sum(point.readings for point in points) == count
    assert [point.at for point in points] == sorted({point.at for point in points})
    assert points[0].at == 0.0
    assert max(point.values[Quantity.WAITING] for point in points) == 99.0
    assert points[-1].values[Quantity.PREEMPTIONS] == count - 1  # totals are those at the end of a stretch
    assert len({point.readings for point in points[:-1]}) <= 1  # all but the last are equally coarse


def test_a_quantity_that_comes_later_is_in_the_merged_point() -> None:
    timeline = Timeline(limit=2)
    timeline.take(0.0, {})
    timeline.take(1.0, {Quantity.WAITING: 4.0})
    timeline.take(2.0, {Quantity.WAITING: 1.0})
    assert [(point.at, point.values) for point in timeline.points] == [
        (0.0, {Quantity.WAITING: 4.0}),
        (2.0, {Quantity.WAITING: 1.0}),
    ]


# --- finding the page


def scraper_of(answers: Mapping[str, Answer | OSError], *, sure: bool = False) -> tuple[Scraper, list[str]]:
    asked: list[str] = []

    def get(page: Page, headers: Mapping[str, str], context: ssl.SSLContext | None, timeout: float) -> Answer:
        asked.append(page.url)
        answer = answers[page.url]
        if isinstance(answer, OSError):
            raise answer
        return answer

    return Scraper([Page(url) for url in answers], dict, lambda: None, sure=sure, timeout=1.0, get=get), asked


NOT_FOUND = Answer(404, "no such page")


def test_the_first_page_of_a_known_engine_is_the_one() -> None:
    scraper, asked = scraper_of({"a": NOT_FOUND, "b": Answer(200, VLLM)})
    assert [scraper.look().page.url for _ in range(3)] == ["b"] * 3
    assert asked == ["a", "b", "b", "b"]


@pytest.mark.parametrize("answer", [NOT_FOUND, Answer(401, ""), Answer(501, ""), Answer(200, "<html></html>")])
def test_a_server_without_metrics_is_left_alone(answer: Answer) -> None:
    scraper, _ = scraper_of({"a": answer, "b": NOT_FOUND})
    with pytest.raises(NoMetrics):
        scraper.look()


def test_a_page_without_an_engine_is_read_on() -> None:
    """Some servers show theirs with the first request only."""
    answers: dict[str, Answer | OSError] = {"a": Answer(200, "# TYPE up gauge\nup 1\n"), "b": NOT_FOUND}
    scraper, asked = scraper_of(answers)
    assert scraper.look().reading == (None, {})
    answers["a"] = Answer(200, VLLM)
    assert scraper.look().reading.engine == "vllm"
    assert asked == ["a", "b", "a"]


@pytest.mark.parametrize("trouble", [Answer(503, ""), OSError("connection refused")])
def test_trouble_is_for_this_time_only(trouble: Answer | OSError) -> None:
    answers: dict[str, Answer | OSError] = {"a": trouble}
    scraper, _ = scraper_of(answers)
    with pytest.raises(OSError, match=r"answered 503|refused"):
        scraper.look()
    answers["a"] = Answer(200, VLLM)
    assert scraper.look().reading.engine == "vllm"
    answers["a"] = NOT_FOUND  # what was there once is missed
    with pytest.raises(OSError, match="a answered 404"):
        scraper.look()


def test_a_page_that_was_named_is_the_one_whatever_it_says() -> None:
    scraper, _ = scraper_of({"a": Answer(200, "up 1\n")}, sure=True)
    assert scraper.look().reading == (None, {})
    scraper, _ = scraper_of({"a": NOT_FOUND}, sure=True)
    with pytest.raises(OSError, match="a answered 404"):
        scraper.look()


# --- reading it over the network

Script = Callable[[BaseHTTPRequestHandler], None]


def say(text: str) -> Script:
    def script(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        request.wfile.write(text.encode())

    return script


class _Unix(UnixStreamServer):
    def get_request(self) -> tuple[Any, Any]:
        connection, _ = super().get_request()
        return connection, ("local", 0)


@contextmanager
def serving(script: Script, path: Path | None = None, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """The URL of a server whose every GET is answered by the script; nothing is logged."""
    quiet = {"do_GET": script, "log_message": lambda *_: None}
    kind = type("Answering", (BaseHTTPRequestHandler,), quiet)
    server = HTTPServer(("127.0.0.1", 0), kind) if path is None else _Unix(str(path), kind)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        place = "localhost" if path else f"127.0.0.1:{server.socket.getsockname()[1]}"
        yield f"http{'s' if context else ''}://{place}/metrics"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_page_comes_whole_with_the_headers_sent() -> None:
    seen: list[Mapping[str, str]] = []

    def script(request: BaseHTTPRequestHandler) -> None:
        seen.append({name.lower(): value for name, value in request.headers.items()})
        say(f"{request.path} " + "x" * 300_000)(request)

    with serving(script) as url:
        answer = fetch(Page(f"{url}?a=b"), {"authorization": "Bearer s3"}, None, 5.0)
    assert answer == (200, "/metrics?a=b " + "x" * 300_000)
    assert (seen[0]["authorization"], seen[0]["accept"]) == ("Bearer s3", "text/plain;version=0.0.4")


def test_a_page_over_a_unix_socket(tmp_path: Path) -> None:
    with serving(say("here"), tmp_path / "s") as url:
        assert fetch(Page(url, str(tmp_path / "s")), {}, None, 5.0) == (200, "here")


def test_a_page_over_tls_and_none_from_a_stranger() -> None:
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with serving(say("here"), context=server) as url:
        assert fetch(Page(url), {}, trusting, 5.0) == (200, "here")
        with pytest.raises(OSError, match="certificate verify failed"):
            fetch(Page(url), {}, ssl.create_default_context(), 5.0)


def test_a_page_that_drips_has_a_deadline() -> None:
    over = threading.Event()

    def drip(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        try:
            while not over.wait(0.05):
                request.wfile.write(b"x")
                request.wfile.flush()
        except OSError:
            return

    with serving(drip) as url:
        began = monotonic()
        with pytest.raises(TimeoutError, match="did not come in time"):
            fetch(Page(url), {}, None, 0.3)
        assert monotonic() - began < 3.0
        over.set()


def test_a_server_that_says_nothing_has_a_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf, pytest.raises(TimeoutError):
        fetch(Page(f"http://127.0.0.1:{deaf.getsockname()[1]}/metrics"), {}, None, 0.2)


def test_a_page_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "LARGEST", 2**20)
    with serving(say("x" * 2**21)) as url, pytest.raises(OSError, match="larger than 1 MiB"):
        fetch(Page(url), {}, None, 5.0)


def test_what_is_no_http_is_an_error() -> None:
    def script(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"SSH-2.0-OpenSSH\r\n")

    with serving(script) as url, pytest.raises(OSError, match="no HTTP: BadStatusLine"):
        fetch(Page(url), {}, None, 5.0)

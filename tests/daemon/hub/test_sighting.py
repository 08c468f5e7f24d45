"""Where the metrics of a target are looked for, and whom its credentials are told."""

import pytest

from swelld.engine.target import Target
from swelld.hub.sighting import scraper


@pytest.mark.parametrize(
    ("url", "first"),
    [
        ("http://gpu:8000", "http://gpu:8000/metrics"),
        ("http://gpu:8000/v1", "http://gpu:8000/metrics"),
        ("https://gpu/llm/v1/chat/completions", "https://gpu/llm/metrics"),
        ("http://[::1]:8000/completion", "http://[::1]:8000/metrics"),
    ],
)
def test_metrics_are_looked_for_below_the_target(url: str, first: str) -> None:
    pages = scraper(Target(url=url)).pages
    assert [page.url for page in pages] == [first, first.replace("/metrics", "/prometheus/metrics")]
    assert {page.socket_path for page in pages} == {None}


def test_metrics_over_the_targets_unix_socket() -> None:
    assert scraper(Target(url="unix:///run/llm.sock")).pages[0] == ("http://localhost/metrics", "/run/llm.sock")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("auto", True),
        ("http://gpu:8000/other", True),
        ("http://gpu:9000/metrics", False),
        ("https://gpu:8000/m", False),
    ],
)
def test_credentials_go_to_the_targets_own_host_only(url: str, told: bool) -> None:
    target = Target.model_validate(
        {"url": "http://gpu:8000", "api_key": "s3cret", "headers": {"X-Team": "a"}, "metrics": url}
    )
    sent = scraper(target)._headers()
    assert sent == ({"authorization": "Bearer s3cret", "x-team": "a"} if told else {})

"""Every way of writing a target's URL leads to the same endpoint."""

import pytest

from swelld.adapters.endpoint import endpoint

CHAT = "/v1/chat/completions"
TEXT = "/v1/completions"
NATIVE = "/completion"


@pytest.mark.parametrize(
    ("url", "path", "expected"),
    [
        ("http://h", CHAT, "/v1/chat/completions"),
        ("http://h/", CHAT, "/v1/chat/completions"),
        ("http://h:8000/v1", CHAT, "/v1/chat/completions"),
        ("http://h:8000/v1/", CHAT, "/v1/chat/completions"),
        ("http://h/v1/chat/completions", CHAT, "/v1/chat/completions"),
        ("http://h/v1/chat/completions/", CHAT, "/v1/chat/completions"),
        ("http://h/chat/completions", CHAT, "/chat/completions"),
        ("http://h/openai/v1", CHAT, "/openai/v1/chat/completions"),
        ("http://h/openai", CHAT, "/openai/v1/chat/completions"),
        ("http://h/v1beta/openai/", CHAT, "/v1beta/openai/chat/completions"),
        ("http://h/api/paas/v4", CHAT, "/api/paas/v4/chat/completions"),
        ("http://h/vllm", CHAT, "/vllm/v1/chat/completions"),
        (
            "https://h/openai/deployments/gpt/chat/completions?api-version=2024-10-21",
            CHAT,
            "/openai/deployments/gpt/chat/completions?api-version=2024-10-21",
        ),
        ("https://h/openai/v1?api-version=preview", CHAT, "/openai/v1/chat/completions?api-version=preview"),
        ("http://h?key=a%20b&x=1", CHAT, "/v1/chat/completions?key=a%20b&x=1"),
        ("http://h/a b/ü", CHAT, "/a%20b/%C3%BC/v1/chat/completions"),
        ("http://h/v1#part", CHAT, "/v1/chat/completions"),
        ("http://h", TEXT, "/v1/completions"),
        ("http://h/v1", TEXT, "/v1/completions"),
        ("http://h/v1/completions", TEXT, "/v1/completions"),
        ("http://h", NATIVE, "/completion"),
        ("http://h/", NATIVE, "/completion"),
        ("http://h/v1", NATIVE, "/completion"),
        ("http://h/completion", NATIVE, "/completion"),
        ("http://h/prefix", NATIVE, "/prefix/completion"),
        ("http://h/prefix/v1/", NATIVE, "/prefix/completion"),
        ("unix:///run/server.sock", CHAT, "/v1/chat/completions"),
        ("unix:///run/v1/completion", NATIVE, "/completion"),
    ],
)
def test_endpoints(url: str, path: str, expected: str) -> None:
    assert endpoint(url, path) == expected


@pytest.mark.parametrize(
    ("url", "path", "named"),
    [
        ("http://h/v1/chat/completions", TEXT, "endpoint of `api: openai_chat`.*to use `api: openai_completions`"),
        ("http://h/v1/completions", CHAT, "endpoint of `api: openai_completions`.*to use `api: openai_chat`"),
        ("http://h/completion?x=1", CHAT, "endpoint of `api: llamacpp`.*to use `api: openai_chat`"),
        ("http://h/v1/completions", NATIVE, "endpoint of `api: openai_completions`.*to use `api: llamacpp`"),
    ],
)
def test_the_endpoint_of_another_format_is_refused(url: str, path: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        endpoint(url, path)

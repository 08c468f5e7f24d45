"""Errors in all the ways servers word them."""

import pytest

from swelld.adapters.errors import excerpt, read_error


@pytest.mark.parametrize(
    ("body", "message", "status"),
    [
        (b'{"error": {"message": "too long", "type": "invalid", "code": 400}}', "too long", 400),
        (b'{"error": {"message": "slow down", "code": "429"}}', "slow down", 429),
        (b'{"error": {"message": "who?", "code": "model_not_found"}}', "who?", None),
        (b'{"error": {"message": "odd", "code": 12345}}', "odd", None),
        (b'{"error": {"message": "gone", "status_code": 503}}', "gone", 503),
        (b'{"error": "plain text"}', "plain text", None),
        (b'{"error": {"reason": "none of the known fields"}}', '{"reason":"none of the known fields"}', None),
        (b'{"object": "error", "message": "no such model", "code": 404}', "no such model", 404),
        (b'{"detail": "Not Found"}', "Not Found", None),
        (b'{"detail": [{"loc": ["body"], "msg": "missing"}]}', '[{"loc":["body"],"msg":"missing"}]', None),
    ],
)
def test_known_shapes(body: bytes, message: str, status: int | None) -> None:
    error = read_error(body)
    assert error is not None
    assert (str(error), error.status) == (message, status)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b'"error"', b'{"error": null, "choices": []}', b'{"message": "hi"}', b'{"error": "\xff"}'],
)
def test_what_is_no_error(body: bytes) -> None:
    assert read_error(body) is None


def test_excerpts_are_one_short_line() -> None:
    assert excerpt(b"  a\r\n\tb \xff ") == "a b \N{REPLACEMENT CHARACTER}"
    assert excerpt("é".encode() * 1000) == "é" * 299 + "…"
    error = read_error(b'{"error": "' + b"x" * 1000 + b'"}')
    assert len(str(error)) == 300

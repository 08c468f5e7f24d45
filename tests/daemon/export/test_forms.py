"""Every form by its name."""

from typing import get_args

import pytest

from swelld.export.forms import CHARSETS, MEDIA_TYPES, SUFFIXES, Form, export
from swept import row, sweep_result

FORMS: tuple[Form, ...] = get_args(Form)


def test_every_form_has_a_type_and_an_ending() -> None:
    assert set(MEDIA_TYPES) == set(SUFFIXES) == set(CHARSETS) == set(FORMS)
    assert {form for form, charset in CHARSETS.items() if charset is None} == {"json", "xlsx"}
    assert len(set(SUFFIXES.values())) == len(FORMS)


@pytest.mark.parametrize(
    ("form", "begins"),
    [
        ("json", b'{"schema":"swelld.result/1"'),
        ("csv", b"run,scenario,"),
        ("xlsx", b"PK"),
        ("md", b"## "),
        ("html", b"<!doctype html>"),
        ("text", b"chat  completed"),
    ],
)
def test_every_form_is_made(form: Form, begins: bytes) -> None:
    assert export(sweep_result(), form).startswith(begins)


def test_requests_go_where_they_belong() -> None:
    assert export(sweep_result(), "csv", [row()]).startswith(b"time,stage,target")
    assert b"Latency by length" in export(sweep_result(), "html", [row(n, stage="concurrency=32") for n in range(9)])

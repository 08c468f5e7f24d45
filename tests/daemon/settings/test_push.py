"""Settings of the Pushgateway and of the GPUs: defaults, what is refused, what is never shown."""

from typing import Any

import pytest
from pydantic import ValidationError

from swelld.settings import Settings, effective

TARGETS = {"a": {"url": "http://a"}}


def settings(**exporters: Any) -> Settings:
    return Settings.model_validate({"targets": TARGETS, "exporters": exporters})


def test_the_defaults() -> None:
    made = settings().exporters
    push = made.pushgateway
    assert (push.url, push.job, push.instance, push.grouping) == (None, "swelld", None, {})
    assert (push.on, push.interval, push.timeout, push.delete_on_exit) == ("end", 15.0, 5.0, False)
    assert (made.nvml.enabled, made.nvml.interval) == ("auto", 1.0)


def test_everything_can_be_set_and_the_password_is_never_shown() -> None:
    made = settings(
        nvml={"enabled": False, "interval": "500ms"},
        pushgateway={
            "url": "https://gateway:9091/prefix/",
            "instance": "ci-7",
            "grouping": {"branch": "main"},
            "on": "both",
            "interval": "1m",
            "username": "batch",
            "password": "hunter2",
            "tls": {"verify": False},
        },
    )
    push = made.exporters.pushgateway
    assert push.url == "https://gateway:9091/prefix"
    assert push.password is not None
    assert push.password.reveal() == "hunter2"
    assert (push.on, push.interval, push.tls.verify) == ("both", 60.0, False)
    assert made.exporters.nvml.enabled is False
    assert "hunter2" not in effective(made) + repr(made)
    assert "password: '***'" in effective(made)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"url": "gateway:9091"}, "'gateway:9091' is no URL of a Pushgateway: write http://HOST:9091"),
        ({"url": "http://u:p@gateway:9091"}, "no user or password in a URL: use `username` and `password`"),
        ({"url": "http://gateway:9091/metrics/job/x"}, "give the gateway's own URL"),
        ({"url": "http://gateway:9091?a=b"}, "give the gateway's own URL"),
        ({"job": ""}, "a job needs a name"),
        ({"grouping": {"job": "x"}}, "grouping.job: has a key of its own: `job`"),
        ({"grouping": {"instance": "x"}}, "grouping.instance: has a key of its own: `instance`"),
        ({"grouping": {"my-label": "x"}}, "grouping.my-label: is no name of a label: use letters, digits and `_`"),
        ({"grouping": {"__name__": "x"}}, "grouping.__name__: is no name of a label"),
        ({"username": "u"}, "password: is missing: basic authentication takes `username` and `password`"),
        ({"password": "p"}, "username: is missing"),
        ({"username": "a:b", "password": "p"}, "username: cannot hold a colon"),
        ({"on": "exit"}, "'interval', 'end' or 'both'"),
        ({"interval": 0}, "greater than 0"),
    ],
)
def test_what_cannot_be_is_refused_with_the_remedy(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(pushgateway=wrong)
    assert said in str(caught.value)

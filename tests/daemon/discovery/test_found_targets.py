"""From labels to targets, and which of them are used."""

from typing import Any

import pytest

from swelld.discovery.settings import Template
from swelld.discovery.targets import Lot, built, merged, safe_name
from swelld.engine.target import Target


def template(**data: Any) -> Template:
    return Template.model_validate(data)


def test_an_address_is_enough() -> None:
    assert built({"__address__": "10.0.0.1:8000"}, template()) == ("10.0.0.1-8000", Target(url="http://10.0.0.1:8000"))


def test_what_labels_say() -> None:
    labels = {
        "__address__": "gpu-7:8000",
        "__scheme__": "https",
        "__meta_tenant": "red",
        "name": "seven",
        "model": "llama",
        "api": "openai_completions",
        "other": "ignored",
    }
    name, target = built(labels, template(url="{__scheme__}://{__address__}/{__meta_tenant}/v1"))
    assert name == "seven"
    assert target == Target(url="https://gpu-7:8000/red/v1", model="llama", api="openai_completions")
    assert type(target) is Target


def test_what_the_template_says() -> None:
    common = {"model": "{base}-it", "api_key": {"env": "KEY"}, "stream": False, "timeouts": {"total": "5s"}}
    _, target = built({"__address__": "a:1", "base": "gemma"}, template(**common))
    assert target == Target.model_validate({"url": "http://a:1", **common, "model": "gemma-it"})
    assert target.timeouts.total == 5.0


def test_an_address_may_be_a_url_where_the_template_says_so() -> None:
    name, target = built({"__address__": "https://llm.example.com/v1"}, template(url="{__address__}"))
    assert (name, target.url) == ("https-llm.example.com-v1", "https://llm.example.com/v1")


@pytest.mark.parametrize(("labels", "text"), [
    ({"__address__": "a b:1"}, "is no address; write HOST:PORT"),
    ({"__address__": "a:0"}, "is no address"),
    ({"__address__": "a:65536"}, "is no address"),
    ({"__address__": "a:"}, "is no address"),
    ({"__address__": "a\r\nx: y"}, "is no address"),
    ({"__address__": ""}, "the URL names no host"),
    ({"__address__": "a:1", "api": "x"}, "has the label api='x', which is no wire format"),
    ({"__address__": "a:1", "__scheme__": "ftp"}, "a target's URL starts with"),
    ({"__address__": "u:p@a:1"}, "no user or password in a URL"),
])  # fmt: skip
def test_what_makes_no_target(labels: dict[str, str], text: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        built(labels, template())
    assert text in str(caught.value)


def test_a_label_that_the_template_asks_for_has_to_be_there() -> None:
    with pytest.raises(ValueError, match="has no label tenant, which the template asks for"):
        built({"__address__": "a:1"}, template(url="http://{__address__}/{tenant}"))


@pytest.mark.parametrize(("text", "name"), [
    ("10.0.0.1:8000", "10.0.0.1-8000"),
    ("[fd00::1]:8000", "fd00-1-8000"),
    ("a_b.c-d", "a_b.c-d"),
    ("--x--", "x"),
    ("ü model/1", "model-1"),
])  # fmt: skip
def test_names_are_safe(text: str, name: str) -> None:
    assert safe_name(text) == name


def test_long_names_are_cut_and_stay_apart() -> None:
    one, other = safe_name("pod." * 30 + "a:1"), safe_name("pod." * 30 + "b:1")
    assert len(one) == len(other) == 63
    assert one != other
    assert one == safe_name("pod." * 30 + "a:1")


def test_nothing_that_can_be_a_name() -> None:
    with pytest.raises(ValueError, match="leaves no name"):
        safe_name("ü:")


def lot(kind: Any, *labels: dict[str, str], **data: Any) -> Lot:
    return Lot(kind, template(**data), list(labels))


def test_of_two_with_one_name_the_first_counts() -> None:
    result = merged([
        lot("file", {"__address__": "a:1", "model": "x"}, {"__address__": "b:1", "name": "a-1"}),
        lot("http", {"__address__": "a:1", "model": "x"}, {"__address__": "c:1"}),
    ])  # fmt: skip
    assert {name: target.url for name, target in result.found.items()} == {"a-1": "http://a:1", "c-1": "http://c:1"}
    assert result.kinds == {"a-1": "file", "c-1": "http"}
    ((kind, reason, text),) = result.ignored
    assert (kind, reason) == ("file", "name_taken")
    assert text == "'b:1' would be named a-1, which is taken; give it another one with a label `name`"


def test_configured_targets_keep_their_names() -> None:
    result = merged([lot("dns", {"__address__": "a:1"}, {"__address__": "b:1"})], reserved=["a-1"])
    assert list(result.found) == ["b-1"]
    assert [(one.kind, one.reason) for one in result.ignored] == [("dns", "name_taken")]


def test_there_is_an_upper_limit() -> None:
    labels = [{"__address__": f"a:{port}"} for port in range(1, 8)]
    result = merged([lot("file", *labels, labels[0])], most=5)
    assert list(result.found) == ["a-1", "a-2", "a-3", "a-4", "a-5"]
    assert [(one.reason, one.text) for one in result.ignored] == [
        ("overflow", "'a:6' is one too many: 5 are used; look in fewer places"),
        ("overflow", "'a:7' is one too many: 5 are used; look in fewer places"),
    ]


def test_one_bad_target_leaves_the_others() -> None:
    result = merged([lot("file", {"__address__": "a b"}, {"__address__": "c:1"})])
    assert list(result.found) == ["c-1"]
    assert [(one.reason, one.text) for one in result.ignored] == [("invalid", "'a b' is no address; write HOST:PORT")]

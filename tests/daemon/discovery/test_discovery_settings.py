"""What may be written under `discovery`."""

from typing import Any

import pytest
from pydantic import ValidationError

from swelld.discovery.settings import Discovery, Template, filled, split_server


def discovery(**data: Any) -> Discovery:
    return Discovery.model_validate(data)


def test_short_forms() -> None:
    assert discovery(file_sd="a.json").file_sd == discovery(file_sd={"files": ["a.json"]}).file_sd
    assert discovery(file_sd=["a.json", "b/*.yaml"]).model_dump()["file_sd"] == {"files": ("a.json", "b/*.yaml")}
    found = discovery(http_sd="http://sd/targets").http_sd
    assert found is not None
    assert found.url == "http://sd/targets"


def test_files_are_looked_at_more_often() -> None:
    assert discovery(file_sd="a.json").interval == 5.0
    assert discovery(http_sd="http://sd").interval == 30.0
    assert discovery(dns_sd={"names": "a"}).interval == 30.0
    assert discovery(file_sd="a.json", refresh="2m").interval == 120.0


@pytest.mark.parametrize(("data", "kind"), [
    ({"file_sd": "a.json"}, "file"),
    ({"dns_sd": {"names": ["a", "b"]}}, "dns"),
    ({"http_sd": "http://a"}, "http"),
])  # fmt: skip
def test_the_kind(data: dict[str, Any], kind: str) -> None:
    assert discovery(**data).kind == kind


@pytest.mark.parametrize(("data", "text"), [
    ({}, "give one of file_sd, dns_sd and http_sd"),
    ({"file_sd": "a.json", "http_sd": "http://a"}, "give one of file_sd, dns_sd and http_sd"),
    ({"file_sd": []}, "at least 1 item"),
    ({"file_sd": "a.txt"}, "its name has to end in .json, .yml or .yaml"),
    ({"dns_sd": {"names": "a", "port": 80}}, "said by SRV records themselves"),
    ({"dns_sd": {"names": "a", "type": "a"}}, "port: is missing: A records do not say it"),
    ({"dns_sd": {"names": "a", "server": "dns.example.com"}}, "is no DNS server"),
    ({"dns_sd": {"names": "a", "server": "10.0.0.1:70000"}}, "has no such port"),
    ({"http_sd": "sd/targets"}, "write the URL of the list"),
    ({"http_sd": "http://u:p@sd"}, "no user or password in a URL"),
    ({"file_sd": "a.json", "refresh": 0}, "greater than 0"),
    ({"file_sd": "a.json", "target": {"api": "openai"}}, "'openai' is no wire format; did you mean openai_chat"),
    ({"file_sd": "a.json", "target": {"url": "{__address__}/v1"}}, "leads to no URL"),
    ({"file_sd": "a.json", "target": {"url": "ftp://{__address__}"}}, "leads to no URL"),
    ({"file_sd": "a.json", "target": {"url": "http://u:p@{__address__}"}}, "no user or password in a URL"),
])  # fmt: skip
def test_what_cannot_be(data: dict[str, Any], text: str) -> None:
    with pytest.raises(ValidationError) as caught:
        discovery(**data)
    assert text in str(caught.value)


@pytest.mark.parametrize("url", ["{__address__}", "https://{__address__}/{tenant}/v1", "{__scheme__}://{host}:8000"])
def test_what_a_url_may_be_made_of(url: str) -> None:
    assert Template(url=url).url == url


def test_labels_in_braces() -> None:
    assert filled("{a}-{b_1}-{a}-{1}", {"a": "x", "b_1": "{a}"}) == "x-{a}-x-{1}"
    with pytest.raises(ValueError, match="has no label c"):
        filled("{c}", {})


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("10.0.0.1", ("10.0.0.1", 53)),
        ("10.0.0.1:5353", ("10.0.0.1", 5353)),
        ("[::1]:54", ("::1", 54)),
        ("::1", ("::1", 53)),
    ],
)
def test_addresses_of_dns_servers(text: str, server: tuple[str, int]) -> None:
    assert split_server(text) == server
    assert discovery(dns_sd={"names": "a", "server": text}).dns_sd is not None

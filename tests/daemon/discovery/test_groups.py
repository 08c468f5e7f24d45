"""Lists of targets as Prometheus reads them."""

import pytest

from swelld.discovery.groups import Trouble, from_json, from_yaml

FOUND = [
    {"__address__": "a:1", "model": "m", "shard": "1"},
    {"__address__": "b:2", "model": "m", "shard": "1"},
    {"__address__": "c:3"},
]


def test_json() -> None:
    text = (
        b'[{"targets": ["a:1", "b:2"], "labels": {"model": "m", "shard": "1"}}, {"targets": ["c:3"], "labels": null}]'
    )
    assert from_json(text) == FOUND


def test_yaml() -> None:
    text = b"- targets: [a:1, b:2]\n  labels: {model: m, shard: 1}\n- targets:\n  - c:3\n  labels:\n"
    assert from_yaml(text) == FOUND


def test_scalars_of_yaml_are_text_as_it_was_written() -> None:
    (labels,) = from_yaml(b"- targets: [a:1]\n  labels: {a: 010, b: yes, c: 1.0, d: 2026-11-01}\n")
    assert labels == {"__address__": "a:1", "a": "010", "b": "yes", "c": "1.0", "d": "2026-11-01"}


@pytest.mark.parametrize("text", [b"[]", b'[{"targets": []}]', b'[{"labels": {"a": "b"}}]', b'[{"targets": null}]'])
def test_no_targets_at_all(text: bytes) -> None:
    assert from_json(text) == []


@pytest.mark.parametrize("text", [b"", b"[]", b"# nothing\n", b"- targets:\n", b"- targets: []\n"])
def test_no_targets_at_all_in_yaml(text: bytes) -> None:
    assert from_yaml(text) == []


@pytest.mark.parametrize(("text", "said"), [
    (b"", "is no list of groups of targets: Input data was truncated"),
    (b"{}", "Expected `array`, got `object`"),
    (b'["a:1"]', "Expected `object`, got `str` - at `$[0]`"),
    (b'[{"targets": "a:1"}]', "at `$[0].targets`"),
    (b'[{"targets": [1]}]', "Expected `str`, got `int` - at `$[0].targets[0]`"),
    (b'[{"targets": ["a:1"], "labels": {"a": 1}}]', "at `$[0].labels[...]`"),
    (b'[{"targets": ["a:1"], "label": {}}]', "unknown field `label`"),
    (b'[{"targets": ["a\xff"]}]', "is no list"),
    (b"[" * 100_000, "is no list"),
])  # fmt: skip
def test_what_is_no_list(text: bytes, said: str) -> None:
    with pytest.raises(Trouble) as caught:
        from_json(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(("text", "said"), [
    (b"a: b", "Expected `array`, got `object`"),
    (b"- a:1", "Expected `object`, got `str` - at `$[0]`"),
    (b"- targets: a:1", "at `$[0].targets`"),
    (b"- targets: [a:1]\n  label: {a: b}", "unknown field `label`"),
    (b"- targets: [a:1", "is no list of groups of targets"),
    (b"\xff\xfe\xff", "is no list of groups of targets"),
])  # fmt: skip
def test_what_is_no_list_in_yaml(text: bytes, said: str) -> None:
    with pytest.raises(Trouble) as caught:
        from_yaml(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)

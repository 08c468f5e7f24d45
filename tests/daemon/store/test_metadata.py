"""What is recorded of how a run was made, and what must never be."""

import platform

import pytest

from swelld import __version__
from swelld.store.metadata import config_hash, describe, redact_command


@pytest.mark.parametrize(
    ("command", "redacted"),
    [
        (["--api-key", "K1", "--model", "tiny"], ["--api-key", "***", "--model", "tiny"]),
        (["--api-key=K1"], ["--api-key=***"]),
        (["-H", "Authorization: Bearer K1"], ["-H", "***"]),
        (["--header", "X-Org: acme"], ["--header", "***"]),
        (["--web-token", "K1"], ["--web-token", "***"]),
        (
            ["--target", "name=a,url=http://h:1,api_key=K1,model=m"],
            ["--target", "name=a,url=http://h:1,api_key=***,model=m"],
        ),
        (["--server", "http://me:K1@h:1/v1"], ["--server", "http://***@h:1/v1"]),
        (["--set", '{"api_key": "K1", "n": 1}'], ["--set", '{"api_key": ***, "n": 1}']),
        (["-HAuthorization: Bearer K1"], ["-HAuthorization: ***"]),
        (["--note", "key K1 inside"], ["--note", "key *** inside"]),
        (["--max-tokens", "512", "--tokenizer", "cl100k_base"], ["--max-tokens", "512", "--tokenizer", "cl100k_base"]),
        (["--extra", '{"max_tokens": 5}'], ["--extra", '{"max_tokens": 5}']),
        (["--goodput", "ttft:500,tpot:50"], ["--goodput", "ttft:500,tpot:50"]),
    ],
)
def test_command_line_is_kept_without_its_secrets(command: list[str], redacted: list[str]) -> None:
    assert redact_command(["swelld", "run", *command], secrets=["K1", ""]) == ["swelld", "run", *redacted]


def test_unknown_secrets_behind_known_flags_are_masked_all_the_same() -> None:
    assert redact_command(["--api-key", "K1", "--api-key=K2", "api_key=K3"]) == [
        "--api-key",
        "***",
        "--api-key=***",
        "api_key=***",
    ]


def test_hash_depends_on_values_and_not_on_order() -> None:
    assert config_hash({"a": 1, "b": {"c": 2, "d": 3}}) == config_hash({"b": {"d": 3, "c": 2}, "a": 1})
    assert config_hash({"a": 1}) != config_hash({"a": 2})
    assert config_hash({}) == "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def test_machine_and_versions() -> None:
    metadata = describe(run_id="r1", started="2026-11-14T10:20:30+00:00", command=["swelld"], config={"seed": 7})
    assert metadata.python == platform.python_version()
    assert metadata.swelld_version == __version__
    assert metadata.cpu_count is not None
    assert metadata.cpu_count >= 1
    assert metadata.host == platform.node()
    assert metadata.finished is None
    assert metadata.config_hash == config_hash({"seed": 7})

"""Settings of the web server, its own and those of a shared web configuration file."""

from pathlib import Path
from typing import Any

import pytest

from swelld.settings import ConfigError, load_settings
from swelld.settings.web import Web
from swelld.settings.webconfig import with_config_file

HASH = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"


@pytest.mark.parametrize(
    ("web", "said"),
    [
        ("{cors_origins: 'https://grafana.example.com/'}", "is no origin: write https://HOST"),
        ("{cors_origins: '*'}", "is no origin: write https://HOST"),
        ("{inline_targets: 10.0.0.1/8}", "allows nothing (its host bits are set)"),
        ("{inline_targets: 'http://a'}", "allows nothing (it is none of these)"),
        ("{inline_targets: '*'}", "allows nothing (it is none of these)"),
        ("{hosts: 'https://a'}", "is no name of a host: leave out scheme, port and path"),
        ('{headers: {X-A: "b\\r\\nX-B: c"}}', "a header is a name and one line of printable text"),
        ("{listen: ':1', allow_unauthenticated_control: true}", "is only allowed on loopback, but `listen` is :1"),
        ("{config_file: a.yml, tls: {cert: a, key: b}}", "says TLS and users itself"),
        ("{tls: {cert: a, key: b, client_role: read}}", "without it no client certificate can be trusted"),
        ("{tls: {cert: a, key: b, min_version: 1.1}}", "is not allowed; use one of 1.2, 1.3"),
        ("{tokens: [{name: a, role: read}]}", "give a token either its `hash` or the `token` itself"),
        ("{tokens: [{name: a, role: boss, hash: x}]}", "is not allowed; use one of read, operate, admin"),
        ("{tokens: [{name: a, role: read, hash: x}, {name: a, role: admin, hash: y}]}", "two tokens are named 'a'"),
        ("{control_rate: 0}", "is too small"),
        ("{open_readin: true}", "is not known here; did you mean open_reading?"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, web: str, said: str) -> None:
    file = tmp_path / "swelld.yaml"
    file.write_text(f"targets: {{a: {{url: 'http://a'}}}}\nweb: {web}\n")
    with pytest.raises(ConfigError) as refused:
        load_settings(file, {})
    assert len(refused.value.problems) == 1
    assert refused.value.problems[0].startswith(f"{file}:2: web.")
    assert said in refused.value.problems[0]


@pytest.mark.parametrize(
    ("settings", "loopback", "reading"),
    [
        ({}, True, True),
        ({"listen": "localhost:1"}, True, True),
        ({"listen": "[::1]:1"}, True, True),
        ({"listen": "127.0.0.2:1", "open_reading": False}, True, False),
        ({"listen": ":1"}, False, False),
        ({"listen": "10.0.0.1:1", "open_reading": True}, False, True),
        ({"listen": "swelld.lan:1"}, False, False),
    ],
)
def test_reading_is_open_on_loopback_only(settings: dict[str, Any], loopback: bool, reading: bool) -> None:
    web = Web.model_validate(settings)
    assert (web.on_loopback, web.reading_is_open) == (loopback, reading)


def test_a_shared_file_says_tls_users_and_headers(tmp_path: Path) -> None:
    file = tmp_path / "web.yml"
    file.write_text(f"""
tls_server_config:
  cert_file: server.crt
  key_file: /etc/server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.crt
  client_allowed_sans: [prometheus.example.com]
  min_version: TLS13
http_server_config:
  http2: true
  headers: {{X-Frame-Options: sameorigin}}
basic_auth_users:
  alice: {HASH}
""")
    web = with_config_file(Web.model_validate({"config_file": file, "headers": {"X-A": "b"}}))
    assert web.tls is not None
    assert (web.tls.cert, web.tls.key, web.tls.client_ca) == (
        tmp_path / "server.crt",
        Path("/etc/server.key"),
        tmp_path / "ca.crt",
    )
    assert (web.tls.client_auth, web.tls.client_names, web.tls.client_role, web.tls.min_version) == (
        "require",
        ("prometheus.example.com",),
        "read",
        "1.3",
    )
    assert {name: secret.reveal() for name, secret in web.basic_auth_users.items()} == {"alice": HASH}
    assert web.headers == {"X-Frame-Options": "sameorigin", "X-A": "b"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tls_server_config: {cert_file: a, key_file: b, cipher_suites: [X]}", ":1: tls_server_config.cipher_suites: "),
        ("tls_server_config: {cert_file: a}", ":1: tls_server_config.key_file: is missing"),
        ("tls_server_confg: {}", ":1: tls_server_confg: is not known here; did you mean tls_server_config?"),
        (
            "tls_server_config: {cert_file: a, key_file: b, client_auth_type: RequireAnyClientCert}",
            ":1: tls_server_config.client_auth_type: 'RequireAnyClientCert' is not allowed",
        ),
        (
            "tls_server_config: {cert_file: a, key_file: b, client_auth_type: RequireAndVerifyClientCert}",
            "client_auth_type asks for certificates; name their client_ca_file",
        ),
        ('http_server_config: {headers: {A: "b\\nc"}}', "headers: 'A': a header is a name and one line"),
    ],
)
def test_what_is_wrong_in_a_shared_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "web.yml"
    file.write_text(text)
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the text is compared below
        with_config_file(Web(config_file=file))
    assert said in str(refused.value)

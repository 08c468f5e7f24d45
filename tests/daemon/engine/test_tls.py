"""TLS against the simulator: verified unless said otherwise, with own authorities and client certificates."""

import logging
import socket
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trustme

from swelld.adapters.openai import OpenAIChat
from swelld.engine.client import Client, Ticket
from swelld.engine.target import Target
from swelld.measurement import ErrorType, Measurement, Outcome
from swelld.prompt import Message, Prompt
from swelld.sim import SimOptions, serve


class Papers(NamedTuple):
    """Files of an authority, a server and a client."""

    ca: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    folder = tmp_path_factory.mktemp("tls")
    ca = trustme.CA()
    found = Papers(*(folder / name for name in ("ca.pem", "server.pem", "server.key", "client.pem", "client.key")))
    ca.cert_pem.write_to_path(str(found.ca))
    for certificate, chain, key in (
        (ca.issue_cert("localhost", "127.0.0.1"), found.server, found.server_key),
        (ca.issue_cert("swelld@example.org"), found.client, found.client_key),
    ):
        certificate.private_key_pem.write_to_path(str(key))
        for number, part in enumerate(certificate.cert_chain_pems):
            part.write_to_path(str(chain), append=number > 0)
    return found


async def ask(url: str, **target: Any) -> Measurement:
    found: list[Measurement] = []
    client = Client(0, Target(url=url, max_tokens=3, **target), OpenAIChat, 4, found.append)
    if not url.startswith("unix"):
        await client.pool.addresses.look_up()
    await client.exchange(
        client.prepare(Prompt(name="p", messages=(Message("user", "hi"),))), Ticket(stage=0, index=0, warmup=False)
    )
    await client.pool.aclose()
    assert client.pool.open == 0
    return found[0]


async def asked_by_tls(papers: Papers, tls: dict[str, Any], *, demand: bool = False) -> Measurement:
    options = SimOptions(
        ttft=0.001,
        itl=0.001,
        tls_cert=str(papers.server),
        tls_key=str(papers.server_key),
        tls_client_ca=str(papers.ca) if demand else None,
    )
    server = await serve(options)
    try:
        return await ask(f"https://127.0.0.1:{server.port}", tls=tls)
    finally:
        await server.close()


async def test_an_unknown_authority_is_refused_by_default(papers: Papers) -> None:
    m = await asked_by_tls(papers, {})
    assert (m.outcome, m.error_type, m.sent) == (Outcome.UNREACHABLE, ErrorType.TLS, None)
    assert "certificate verify failed" in (m.detail or "")


async def test_an_authority_of_ones_own_is_believed(papers: Papers) -> None:
    m = await asked_by_tls(papers, {"ca_file": papers.ca})
    assert (m.outcome, m.output_tokens) == (Outcome.OK, 3)
    assert m.connect is not None


async def test_a_certificate_for_another_name_is_refused(papers: Papers) -> None:
    m = await asked_by_tls(papers, {"ca_file": papers.ca, "server_name": "elsewhere.example.org"})
    assert (m.outcome, m.error_type) == (Outcome.UNREACHABLE, ErrorType.TLS)


async def test_a_client_certificate_opens_a_door_that_is_closed_without(papers: Papers) -> None:
    known = {"ca_file": papers.ca, "cert_file": papers.client, "key_file": papers.client_key}
    assert (await asked_by_tls(papers, known, demand=True)).outcome is Outcome.OK
    stranger = await asked_by_tls(papers, {"ca_file": papers.ca}, demand=True)
    assert stranger.outcome in (Outcome.UNREACHABLE, Outcome.TRUNCATED)  # TLS 1.3 tells only after the handshake


async def test_without_verification_it_is_said_loudly(papers: Papers, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        m = await asked_by_tls(papers, {"verify": False})
    assert m.outcome is Outcome.OK
    assert "NOT verified" in caplog.text


async def test_a_file_that_is_no_certificate_is_named(tmp_path: Path) -> None:
    bad = tmp_path / "ca.pem"
    bad.write_text("nonsense")
    with pytest.raises(ValueError, match=r"ca\.pem"):
        await ask("https://127.0.0.1:1", tls={"ca_file": bad})


async def test_a_unix_socket_is_a_target_too(tmp_path: Path) -> None:
    path = tmp_path / "llm.sock"
    server = await serve(SimOptions(ttft=0.001, itl=0.001, unix_socket=str(path)))
    try:
        m = await ask(f"unix://{path}")
    finally:
        await server.close()
    assert (m.outcome, m.output_tokens) == (Outcome.OK, 3)


async def test_a_port_that_nobody_answers_in_time_is_a_connect_timeout() -> None:
    with socket.socket() as full:  # a backlog that is never accepted from, filled up
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        m = await ask(f"http://127.0.0.1:{address[1]}", timeouts={"connect": 0.3})
        for filler in fillers:
            filler.close()
    assert (m.outcome, m.error_type) == (Outcome.TIMEOUT, ErrorType.CONNECT_TIMEOUT)


async def test_a_server_without_tls_is_asked_about() -> None:
    server = await serve(SimOptions())
    try:
        m = await ask(server.url.replace("http://", "https://"))
    finally:
        await server.close()
    assert (m.outcome, m.error_type) == (Outcome.UNREACHABLE, ErrorType.TLS)
    assert m.detail is not None
    assert m.detail.endswith("; does it speak plain http? Then write http:// in its URL")

"""Every fault of the simulator against every wire format: one outcome, counted once, and nothing left behind."""

import asyncio
import functools
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import uvloop

from sim_client import ask, truth
from swelld.components import ADAPTERS
from swelld.engine.client import Client, Ticket
from swelld.engine.target import Target
from swelld.measurement import ErrorType, Measurement, Outcome, TokenSource
from swelld.prompt import Message, Prompt
from swelld.sim import SimOptions, simulated
from swelld.sim.options import FAULT_NAMES
from swelld.sim.wire import text_of

PROMPT = Prompt(name="p", messages=(Message("user", "hi"),))
TICKET = Ticket(stage=0, index=0, warmup=False)
TIMEOUTS = {"connect": 5.0, "first_token": 0.3, "idle": 0.3, "total": 5.0}
TOKENS = 6


class Case(NamedTuple):
    """A fault with its particulars, and how it ends: streamed, and answered at once."""

    fault: str
    particulars: dict[str, Any]
    streamed: tuple[Outcome, ErrorType | None]
    at_once: tuple[Outcome, ErrorType | None]


def alike(fault: str, particulars: dict[str, Any], outcome: Outcome, error_type: ErrorType | None = None) -> Case:
    return Case(fault, particulars, (outcome, error_type), (outcome, error_type))


FINE = (Outcome.OK, None)
CUT = (Outcome.TRUNCATED, ErrorType.TRUNCATED)
LATE = (Outcome.TIMEOUT, ErrorType.TTFT_TIMEOUT)
CASES = [
    alike("status", {}, Outcome.THROTTLED, ErrorType.HTTP_503),
    alike("status", {"status": 429, "retry_after": 1.0}, Outcome.THROTTLED, ErrorType.HTTP_429),
    alike("status", {"status": 500}, Outcome.FAILED, ErrorType.HTTP_5XX),
    alike("status", {"status": 404}, Outcome.REJECTED, ErrorType.HTTP_4XX),
    Case("stall", {"after": 2}, (Outcome.TIMEOUT, ErrorType.READ_TIMEOUT), LATE),
    alike("stall", {"after": 0}, *LATE),
    alike("stall", {"seconds": 0.1}, *FINE),
    alike("cut", {"after": 0}, *CUT),
    alike("cut", {"after": 3}, *CUT),
    alike("reset", {"after": 0}, *CUT),
    alike("reset", {"after": 3}, *CUT),
    alike("refuse", {}, *CUT),
    alike("slow_headers", {"seconds": 0.1}, *FINE),
    alike("slow_headers", {"seconds": 2.0}, *LATE),
    alike("garbage_http", {}, Outcome.GARBLED, ErrorType.PROTOCOL),
    alike("garbage_event", {"after": 0}, Outcome.GARBLED, ErrorType.PROTOCOL),
    alike("garbage_event", {"after": 3}, Outcome.GARBLED, ErrorType.PROTOCOL),
    alike("split_utf8", {"after": TOKENS}, *FINE),
    Case("no_end", {}, CUT, FINE),
    alike("no_usage", {}, *FINE),
    alike("error_event", {"after": 0}, Outcome.FAILED, ErrorType.HTTP_5XX),
    alike("error_event", {"after": 3, "status": 503}, Outcome.THROTTLED, ErrorType.HTTP_503),
    alike("close_after", {}, *FINE),
]


@pytest.fixture(scope="module")
def process() -> Iterator[str]:
    with simulated(SimOptions(ttft=0.005, itl=0.002, tokens=TOKENS)) as url:
        yield url


@pytest.fixture
def sim(process: str) -> str:
    ask(process, "/sim/reset")
    return process


def on_uvloop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """The loop that shards run on; it does not tell of a lost connection in quite the way asyncio's own does."""

    @functools.wraps(test)
    def plain(*args: Any, **kwargs: Any) -> None:
        uvloop.run(test(*args, **kwargs))

    return plain


def open_sockets() -> int:
    """Of this process; the loop keeps a few descriptors of other kinds to itself."""
    links = (str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink())
    return sum(link.startswith("socket:") for link in links)


async def asked(url: str, api: str, times: int = 1, **target: Any) -> tuple[list[Measurement], int]:
    """The measurements of some requests one after another, and the connections left open before the client closes."""
    found: list[Measurement] = []
    timeouts = {"timeouts": TIMEOUTS, "keep_text": True}
    client = Client(0, Target(url=url, **timeouts, **target), ADAPTERS[api], 10, found.append)
    await client.pool.addresses.look_up()
    for _ in range(times):
        await client.exchange(client.prepare(PROMPT), TICKET)
    await asyncio.sleep(0)
    left = client.pool.open
    await client.pool.aclose()
    assert (client.begun, client.in_flight, client.pool.open, client.pool.waiting) == (times, 0, 0, 0)
    return found, left


async def settled(url: str) -> Any:
    """The ledger, once the server has seen our connections go: its own page is the one that is still open."""
    for _ in range(200):
        page = await asyncio.to_thread(truth, url)
        if page["connections"]["open"] == 1 and page["requests"]["running"] == 0:
            return page
        await asyncio.sleep(0.01)
    pytest.fail(f"the server still has connections or answers of ours: {page}")


def test_every_fault_has_a_case() -> None:
    assert {case.fault for case in CASES} == set(FAULT_NAMES)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("api", list(ADAPTERS))
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.fault}-{case.particulars}")
@on_uvloop
async def test_a_fault_ends_in_its_outcome_and_leaves_nothing(sim: str, api: str, stream: bool, case: Case) -> None:
    sockets = open_sockets()
    wish = {"sim": {"fault": case.fault, **case.particulars}}
    (m,), left = await asked(sim, api, extra_body=wish, stream=stream)
    assert (m.outcome, m.error_type) == (case.streamed if stream else case.at_once), m.detail
    assert (m.detail is None) == (m.outcome is Outcome.OK)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    page = await settled(sim)
    assert page["requests"]["faults"] == {case.fault: 1}
    assert page["requests"]["started"] == 1
    assert open_sockets() == sockets
    if m.outcome is Outcome.TIMEOUT or case.fault in ("cut", "reset", "refuse", "garbage_http"):
        assert left == 0  # an answer that may still go on must not meet the next request


@pytest.mark.parametrize("api", list(ADAPTERS))
@on_uvloop
async def test_split_characters_come_out_whole(sim: str, api: str) -> None:
    wish = {"sim": {"fault": "split_utf8", "after": TOKENS}}
    (m,), _ = await asked(sim, api, extra_body=wish)
    assert (m.text, m.output_tokens, m.token_source) == (text_of(TOKENS, wide=True), TOKENS, TokenSource.SERVER)
    assert m.finish_reason == "stop"


@pytest.mark.parametrize(("stream", "counted"), [(True, (TOKENS, TokenSource.EVENTS)), (False, (None, None))])
@on_uvloop
async def test_without_usage_tokens_are_counted_by_events_or_unknown(sim: str, stream: bool, counted: Any) -> None:
    (m,), _ = await asked(sim, "openai_chat", extra_body={"sim": {"fault": "no_usage"}}, stream=stream)
    assert (m.output_tokens, m.token_source) == counted


@on_uvloop
async def test_a_connection_closed_after_each_answer_is_no_error(sim: str) -> None:
    found, _ = await asked(sim, "openai_chat", times=5, extra_body={"sim": {"fault": "close_after"}})
    assert [m.outcome for m in found] == [Outcome.OK] * 5
    page = await settled(sim)
    assert (page["requests"]["started"], page["requests"]["completed"]) == (5, 5)


@on_uvloop
async def test_a_request_refused_on_a_used_connection_is_sent_once_more(sim: str) -> None:
    found: list[Measurement] = []
    sound, refused = (
        Client(0, Target(url=sim, extra_body={"sim": wish}), ADAPTERS["openai_chat"], 10, found.append)
        for wish in ({}, {"fault": "refuse"})
    )
    await sound.pool.addresses.look_up()
    await sound.exchange(sound.prepare(PROMPT), TICKET)
    await sound.exchange(refused.prepare(PROMPT), TICKET)
    await sound.pool.aclose()
    assert [(m.outcome, m.error_type, m.resends) for m in found] == [(*FINE, 0), (*CUT, 1)]
    assert (await settled(sim))["requests"]["faults"] == {"refuse": 2}

"""Sessions of several turns: every turn holds what the server really answered before, and what becomes of them."""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import tiny_model
from llamacpp_server import LlamaCpp
from raw_server import DONE, HEAD, RawServer, event, read_request
from runs import Kept, carry_out, one_target, settings_for
from swelld.settings import ConfigError
from swelld.sim import SimOptions, simulated

Messages = list[dict[str, str]]
MADE_UP = {"kind": "sessions", "turns": 3, "input_tokens": 6, "output_tokens": 9}


@pytest.fixture(scope="module")
def sim() -> Iterator[str]:
    with simulated(SimOptions(ttft=0.005, itl=0.001, tokens=4)) as url:
        yield url


class Talker(RawServer):
    """Answers every request with words of its own, in two pieces, unless `refuses` says that it fails."""

    def __init__(self, refuses: Callable[[Messages], bool] = lambda _: False, seconds: float = 0.0) -> None:
        super().__init__(self._answer)
        self._refuses = refuses
        self._seconds = seconds
        self.asked: list[Messages] = []
        self.answers: dict[str, str] = {}
        """By the latest thing that was said."""
        self.open_now: Counter[str] = Counter()
        """By the first thing that was said."""
        self.most_of_one = 0

    async def __aenter__(self) -> "Talker":
        await super().__aenter__()
        return self

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            request = await read_request(reader)
            messages: Messages = json.loads(request.partition(b"\r\n\r\n")[2])["messages"]
            self.asked.append(messages)
            self.open_now[messages[0]["content"]] += 1
            self.most_of_one = max(self.most_of_one, *self.open_now.values())
            await asyncio.sleep(self._seconds)
            self.open_now[messages[0]["content"]] -= 1
            if self._refuses(messages):
                writer.write(b"HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n")
                continue
            number = len(self.asked)
            self.answers[messages[-1]["content"]] = f'answer {number}, \u00e4 "quoted"'
            writer.write(HEAD + event(f"answer {number}, ") + event('\u00e4 \\"quoted\\"') + DONE)

    def sessions(self) -> list[list[Messages]]:
        """The turns of each session, which are told apart by what was said first."""
        found: dict[str, list[Messages]] = defaultdict(list)
        for messages in self.asked:
            found[messages[0]["content"]].append(messages)
        return list(found.values())

    def check(self) -> None:
        """Every turn holds all that was said and answered in those before it, and nothing else."""
        for turns in self.sessions():
            assert [len(messages) for messages in turns] == [1 + 2 * place for place in range(len(turns))]
            for before, after in pairwise(turns):
                answered = {"role": "assistant", "content": self.answers[before[-1]["content"]]}
                assert after[:-1] == [*before, answered]
                assert after[-1]["role"] == "user"


async def run(folder: Path, url: str, shards: int | str = "inline", **scenario: Any) -> Kept:
    target = one_target(url, timeouts={"total": "10s"})
    return await carry_out(settings_for(folder, target, {"prompts": MADE_UP, **scenario}, shards=shards))


@pytest.mark.parametrize("load", [{"concurrency": 3}, {"rate": "50/s"}])
async def test_every_turn_holds_the_answers_before_it(tmp_path: Path, load: dict[str, Any]) -> None:
    async with Talker() as server:
        kept = await run(tmp_path, server.url, load=load, requests=12)
        server.check()
        sessions = server.sessions()
    found = kept.stage().sessions
    assert found is not None
    begun = 4 if "concurrency" in load else 12  # of a closed loop turns are counted, of an open one sessions
    if "concurrency" in load:
        assert len(server.asked) == 12
        assert sum(turn.requests for turn in found.turns) == 12
    else:
        assert [len(turns) for turns in sessions] == [3] * begun
        assert (found.begun, found.completed, found.failed, found.cut) == (begun, begun, 0, 0)
        assert [(turn.turn, turn.requests, turn.ok) for turn in found.turns] == [(n, 12, 12) for n in (1, 2, 3)]
        lines = [(line["index"], line["turn"], line["prompt"]) for line in kept.lines()]
        assert sorted(lines) == [(n, turn, f"session-{n}") for n in range(12) for turn in (1, 2, 3)]


@pytest.mark.parametrize("shards", ["inline", 2])
async def test_a_user_has_one_session_at_a_time(tmp_path: Path, shards: int | str) -> None:
    async with Talker(seconds=0.02) as server:
        kept = await run(tmp_path, server.url, shards, load={"concurrency": 4}, duration="1s")
        server.check()
    found = kept.stage().sessions
    assert found is not None
    assert found.completed > 8
    assert found.begun == found.completed + found.cut
    assert found.failed == 0
    assert found.cut <= 4
    assert server.most_of_one == 1
    assert kept.stage().mean_in_flight == pytest.approx(4, abs=0.8)
    names = Counter(line["prompt"] for line in kept.lines() if line["turn"] == 1)
    assert set(names.values()) == {1}
    assert set(names) == {f"session-{number}" for number in range(len(names))} or shards == 2
    indices = sorted(line["index"] for line in kept.lines())
    assert len(set(indices)) == len(indices)


@pytest.mark.parametrize("load", [{"concurrency": 2}, {"rate": "20/s"}])
async def test_a_turn_that_fails_ends_its_session(tmp_path: Path, load: dict[str, Any]) -> None:
    async with Talker(refuses=lambda messages: len(messages) == 3) as server:
        kept = await run(tmp_path, server.url, load=load, requests=10)
        assert {len(messages) for messages in server.asked} == {1, 3}
    found = kept.stage().sessions
    assert found is not None
    assert (found.completed, found.failed) == (0, found.begun - found.cut)
    assert found.failed >= 4
    assert [(turn.turn, turn.ok) for turn in found.turns] == [(1, found.begun), (2, 0)]
    assert kept.stage().errors["http_5xx"].count == found.failed


async def test_users_think_between_turns(tmp_path: Path) -> None:
    async with Talker() as server:
        prompts = {**MADE_UP, "turns": 6, "think_time": "100ms"}
        kept = await run(tmp_path, server.url, prompts=prompts, load="10/s", requests=8)
    lines = sorted(kept.lines(), key=lambda line: (line["index"], line["turn"]))
    pauses = [after["due"] - before["end"] for before, after in pairwise(lines) if after["index"] == before["index"]]
    assert len(pauses) == 40
    assert 0.05 < sum(pauses) / len(pauses) < 0.2
    assert all(line["lag"] >= 0 for line in lines)


async def test_the_pauses_of_a_closed_load_hold_where_sessions_have_none(tmp_path: Path) -> None:
    async with Talker() as server:
        kept = await run(tmp_path, server.url, load={"concurrency": 1, "think_time": "50ms"}, requests=9)
    lines = sorted(kept.lines(), key=lambda line: line["sent"])
    gaps = [after["sent"] - before["end"] for before, after in pairwise(lines)]
    assert sum(gaps) / len(gaps) > 0.01


async def test_an_open_window_ends_by_the_clock(tmp_path: Path) -> None:
    async with Talker(seconds=0.2) as server:
        prompts = {**MADE_UP, "turns": 50}
        kept = await run(tmp_path, server.url, prompts=prompts, load="10/s", duration="1s")
    found = kept.stage().sessions
    assert found is not None
    assert (found.begun, found.completed, found.failed, found.cut) == (10, 0, 0, 10)
    assert len(found.turns) <= 6
    assert max(line["due"] for line in kept.lines()) < min(line["due"] for line in kept.lines()) + 1.0


async def test_warm_up_has_sessions_of_its_own(sim: str, tmp_path: Path) -> None:
    kept = await run(tmp_path, sim, load="40/s", requests=5, warmup={"requests": 3})
    warm = {line["prompt"] for line in kept.lines() if line["warmup"]}
    assert warm == {f"session-{1_000_000_007 + number}" for number in range(3)}
    found = kept.stage().sessions
    assert found is not None
    assert (found.begun, found.completed) == (5, 5)


async def test_a_session_stays_with_its_target(sim: str, tmp_path: Path) -> None:
    targets = {name: {"url": sim, "model": name, "metrics": "off"} for name in ("a", "b")}
    shares = [{"target": "a", "weight": 1}, {"target": "b", "weight": 1}]
    scenario = {"prompts": MADE_UP, "targets": shares, "load": {"concurrency": 4}, "requests": 60}
    kept = await carry_out(settings_for(tmp_path, targets, scenario))
    by_session = defaultdict(set)
    for line in kept.lines():
        by_session[line["prompt"]].add(line["target"])
    assert {len(targets) for targets in by_session.values()} == {1}
    assert set.union(*by_session.values()) == {"a", "b"}


def test_sessions_cannot_be_asked_one_prompt_at_a_time(tmp_path: Path) -> None:
    with pytest.raises((ConfigError, ValueError), match="has no meaning for sessions"):
        settings_for(tmp_path, one_target("http://127.0.0.1:1"), {"prompts": MADE_UP, "load": {"iterations": 2}})


@pytest.mark.llamacpp
@pytest.mark.parametrize("api", ["openai_chat", "openai_completions"])
async def test_the_second_turn_holds_the_first_answer_on_a_real_server(
    llamacpp: LlamaCpp, tmp_path: Path, api: str
) -> None:
    records = [{"messages": [{"role": "user", "content": text} for text in ("Tell me of the tea", "and then")]}]
    file = tmp_path / "dialogues.json"
    file.write_text(json.dumps(records))
    target = one_target(llamacpp.url, api=api, keep_text=True, extra_body={"cache_prompt": False})
    scenario = {"prompts": {"kind": "dialogues", "file": str(file)}, "load": {"concurrency": 1}, "requests": 4}
    kept = await carry_out(settings_for(tmp_path, target, scenario))
    first, second, *_ = sorted(kept.lines(), key=lambda line: line["index"])
    assert (first["turn"], second["turn"], first["outcome"], second["outcome"]) == (1, 2, "ok", "ok")
    if api == "openai_chat":
        assert first["text"] == "".join(tiny_model.CHAT_WORDS)
        assert second["input_tokens"] == tiny_model.chat_tokens(["Tell me of the tea", first["text"], "and then"])
    else:
        whole = f"user: Tell me of the tea\nassistant: {first['text']}\nuser: and then\nassistant:"
        assert second["input_tokens"] == len(tiny_model.tokens(whole))
        assert second["text"] == "".join(tiny_model.answer(whole))

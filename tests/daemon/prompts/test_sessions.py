"""Sessions of several turns: what is said in them, and what a turn holds of those before it."""

import json
import statistics
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from swelld.prompt import Message
from swelld.prompts.sessions import Dialogues, DialogueSessions, MadeUp
from swelld.prompts.tokens import tokenizer

count = tokenizer("o200k_base").count


def made_up(seed: int = 3, **config: Any) -> Any:
    return TypeAdapter(MadeUp).validate_python(config).open(seed)


def test_lengths_and_turns_are_exact() -> None:
    sessions = made_up(turns=3, input_tokens=50, output_tokens=7, system={"count": 2, "tokens": 100})
    for number in range(20):
        session = sessions.session(number)
        assert session.name == f"session-{number}"
        assert [count(text) for text in session.said] == [50, 50, 50]
        assert session.max_tokens == (7, 7, 7)
        (system,) = session.opening
        assert (system.role, count(system.content), session.first_tokens) == ("system", 100, 150)
    openings = {sessions.session(number).opening for number in range(50)}
    assert len(openings) == 2
    assert len({text for number in range(50) for text in sessions.session(number).said}) == 150


def test_turns_are_drawn() -> None:
    sessions = made_up(
        turns={"kind": "uniform", "min": 1, "max": 6}, input_tokens={"kind": "uniform", "min": 2, "max": 9}
    )
    found = [sessions.session(number) for number in range(600)]
    assert {len(session.said) for session in found} == set(range(1, 7))
    lengths = [count(text) for session in found for text in session.said]
    assert set(lengths) == set(range(2, 10))
    assert statistics.mean(lengths) == pytest.approx(5.5, abs=0.3)


def test_a_turn_holds_what_was_said_and_answered() -> None:
    session = made_up(turns=2, output_tokens=None).session(5)
    before = (Message("user", session.said[0]), Message("assistant", "so it is"))
    prompt = session.prompt(1, before)
    assert prompt.messages == (*before, Message("user", session.said[1]))
    assert (prompt.name, prompt.max_tokens, prompt.input_tokens) == ("session-5", None, None)
    assert made_up(turns=2, output_tokens=None)[5] == session.prompt(0)


def test_the_same_seed_gives_the_same_sessions_and_pauses() -> None:
    one, same, other = (made_up(seed, think_time="2s", turns=5) for seed in (1, 1, 2))
    assert [one.session(number) for number in range(9)] == [same.session(number) for number in range(9)]
    assert one.session(0) != other.session(0)
    pauses = [pause for number in range(400) for pause in one.session(number).pauses]
    assert (statistics.mean(pauses), statistics.stdev(pauses)) == (pytest.approx(2, rel=0.1), pytest.approx(2, rel=0.1))
    assert made_up().session(0).pauses == ()


RECORDS: list[dict[str, Any]] = [
    {
        "conversations": [
            {"from": "human", "value": "a"},
            {"from": "gpt", "value": "1"},
            {"from": "human", "value": "b"},
        ]
    },
    {"messages": [{"role": "system", "content": "be kind"}, {"role": "user", "content": "c"}]},
    {
        "cut_chat_history": '[{"role": "user", "content": "d"}, {"role": "assistant", "content": "2"}]',
        "prompt_content": "e",
    },
]


def dialogues(folder: Path, records: list[dict[str, Any]], **config: Any) -> DialogueSessions:
    file = folder / "dialogues.json"
    file.write_text(json.dumps(records))
    return TypeAdapter(Dialogues).validate_python({"file": file, **config}).open(1)


def test_recorded_dialogues_of_every_form(tmp_path: Path) -> None:
    found = dialogues(tmp_path, RECORDS, output_tokens=5, think_time="1s")
    sessions = [found.session(number) for number in range(4)]
    assert [session.said for session in sessions] == [("a", "b"), ("c",), ("d", "e"), ("a", "b")]
    assert [session.name for session in sessions] == ["dialogues-1", "dialogues-2", "dialogues-3", "dialogues-1"]
    assert sessions[1].opening == (Message("system", "be kind"),)
    assert [len(session.pauses) for session in sessions] == [2, 1, 2, 2]
    assert sessions[0].pauses != sessions[3].pauses
    assert {tokens for session in sessions for tokens in session.max_tokens} == {5}
    assert found.size == 3


def test_long_dialogues_are_cut(tmp_path: Path) -> None:
    assert dialogues(tmp_path, RECORDS, max_turns=1).session(0).said == ("a",)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"messages": [{"role": "assistant", "content": "x"}]}, "record 1 .*: no user says anything in it"),
        ({"messages": [{"role": "user", "content": " "}]}, "a turn of the user is empty"),
        ({"something": 1}, "no user says anything in it"),
        ({"conversations": 5}, "`conversations` is no list of turns"),
    ],
)
def test_broken_dialogues_are_told(tmp_path: Path, record: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dialogues(tmp_path, [record])
    kept = dialogues(tmp_path, [record, *RECORDS], on_error="skip")
    assert (kept.size, kept.skipped.count) == (3, 1)

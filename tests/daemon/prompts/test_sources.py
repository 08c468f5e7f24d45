"""What holds for prompt sources of every kind."""

from pathlib import Path

import pytest
from pydantic import TypeAdapter

from swelld.config import Config
from swelld.prompts.base import PromptSource
from swelld.prompts.datasets import Conversations, Csv, JsonLines, ShareGpt, Text
from swelld.prompts.inline import Inline
from swelld.prompts.lengths import Lognormal
from swelld.prompts.sessions import Dialogues, MadeUp
from swelld.prompts.suite import Suite
from swelld.prompts.synthetic import Groups, Synthetic
from swelld.prompts.traces import Trace
from swelld.settings.reference import texts

FILE = Path("prompts")
SOURCES: dict[str, PromptSource] = {
    "synthetic": Synthetic(input_tokens=Lognormal(median=200, sigma=1), groups=Groups(count=2, tokens=64)),
    "suite": Suite(lengths=("short",), categories=("math", "coding")),
    "inline": Inline(prompts=("Say yes.",)),
    "conversations": Conversations(file=FILE, on_error="skip"),
    "sharegpt": ShareGpt(file=FILE, turn="last"),
    "jsonl": JsonLines(file=FILE, limit=5),
    "csv": Csv(file=FILE, column="question"),
    "trace": Trace.model_validate({"file": FILE, "from": "1m", "columns": {"unit": "ms"}, "only": {"Model": "x"}}),
    "sessions": MadeUp(turns=3, system=Groups(count=2, tokens=9), think_time=2.0),
    "dialogues": Dialogues(file=FILE, max_turns=4, think_time=0.5),
    "text": Text(file=FILE, unit="paragraph", order="shuffled"),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_a_source_is_printed_and_read_back(kind: str) -> None:
    source = SOURCES[kind]
    adapter = TypeAdapter[PromptSource](type(source))
    printed = adapter.dump_json(source, by_alias=True)
    assert f'"kind":"{kind}"' in printed.decode()
    assert adapter.validate_json(printed) == source


@pytest.mark.parametrize("kind", SOURCES)
def test_every_field_is_described(kind: str) -> None:
    source = type(SOURCES[kind])
    assert isinstance(source, type)
    assert issubclass(source, Config)
    told = texts(source)
    assert len(told) >= 2
    assert [name for name in source.model_fields if not told.get(name)] == []

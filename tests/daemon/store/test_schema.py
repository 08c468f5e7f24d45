"""The JSON Schema: current, valid, strict about what is missing; and every field is documented."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from sample_results import empty_stage, goodput, open_stage, result, stage, statistics
from swelld.analysis.verdict import LIMITS, verdict
from swelld.result import (
    ChecksFound,
    Contention,
    ContentionFigure,
    Corrected,
    Cost,
    ErrorCount,
    Finding,
    Goodput,
    GpuSummary,
    GpuUse,
    LevelChange,
    ObjectiveShare,
    Phases,
    Requests,
    Result,
    RunInfo,
    Saturation,
    SearchLevel,
    SearchResult,
    ServerCheck,
    ServerLevel,
    ServerResult,
    ServerTimeline,
    Sessions,
    StageResult,
    StandardError,
    Statistics,
    Tokens,
    TurnFigures,
    Validity,
)
from swelld.store.metadata import Metadata
from swelld.store.schema import result_schema, schema_text
from swelld_exporters.files import GapSummary, RequestLine

DOCS = Path(__file__).parents[3] / "docs"
VALIDATOR = jsonschema.Draft202012Validator(result_schema())


def data(*stages: Any) -> Any:
    return json.loads(msgspec.json.encode(result(stages, verdict(stages))))


def test_committed_schema_is_current() -> None:
    assert (DOCS / "result.schema.json").read_text() == schema_text(), "run: make gen"


def test_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(result_schema())


def test_results_follow_the_schema() -> None:
    chosen = msgspec.structs.replace(statistics(1.0, 2.0), quantiles={"p75": 1.75})
    VALIDATOR.validate(data(stage(goodput=goodput(87), ttft=chosen), open_stage(), empty_stage()))
    VALIDATOR.validate(data())


def test_missing_value_is_null() -> None:
    written = data(empty_stage())["stages"][0]
    assert written["ttft"] == dict.fromkeys(("min", "max", "mean", "std", "p50", "p90", "p95", "p99", "p999"), None) | {
        "count": 0
    }
    assert [written[name] for name in ("request_rate", "output_token_rate", "goodput")] == [None, None, None]
    assert written["tokens"]["output"] is None


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema",), "swelld.result/2"),
        (("run", "state"), "done"),
        (("run", "started"), None),
        (("stages", 0, "requests", "ok"), 1.5),
        (("stages", 0, "ttft", "p99"), 0),
        (("stages", 0, "ttft", "mean"), 0.0),
        (("stages", 0, "ttft", "count"), None),
        (("stages", 0, "validity", "valid"), "yes"),
        (("verdict", 0, "level"), "OK"),
    ],
)
def test_schema_refuses_what_is_wrong(path: tuple[Any, ...], value: Any) -> None:
    written = data(empty_stage())
    place = written
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(written)


def test_schema_must_be_named() -> None:
    written = data(stage())
    del written["schema"]
    with pytest.raises(jsonschema.ValidationError, match="'schema' is a required property"):
        VALIDATOR.validate(written)


@pytest.mark.parametrize(
    ("kind", "heading"),
    [
        (Result, "Result"),
        (RunInfo, "Run"),
        (StageResult, "Stage"),
        (Requests, "Requests"),
        (Statistics, "Statistics"),
        (Corrected, "Corrected"),
        (Goodput, "Goodput"),
        (ObjectiveShare, "Goodput"),
        (Tokens, "Tokens"),
        (ErrorCount, "Errors"),
        (ChecksFound, "Checks"),
        (Cost, "Cost"),
        (Validity, "Validity"),
        (Phases, "Phases"),
        (LevelChange, "Changes"),
        (Sessions, "Sessions"),
        (TurnFigures, "Sessions"),
        (GpuUse, "GPU"),
        (GpuSummary, "GPU"),
        (ServerResult, "Server"),
        (ServerLevel, "Server"),
        (ServerCheck, "Server"),
        (ServerTimeline, "Server"),
        (StandardError, "Precision"),
        (SearchResult, "Search"),
        (SearchLevel, "Search"),
        (Saturation, "Search"),
        (Contention, "Contention"),
        (ContentionFigure, "Contention"),
        (Finding, "Verdict"),
        (Metadata, "metadata.json"),
        (RequestLine, "requests.jsonl"),
        (GapSummary, "requests.jsonl"),
    ],
)
def test_every_field_is_documented_under_its_heading(kind: type[msgspec.Struct], heading: str) -> None:
    sections = re.split(r"^## ", (DOCS / "result.md").read_text(), flags=re.MULTILINE)
    section = next(section for section in sections if section.startswith(f"{heading}\n"))
    documented = set(re.findall(r"`([a-z0-9_]+)`", section))
    assert {field.encode_name for field in msgspec.structs.fields(kind)} - documented == set()


def test_every_struct_of_the_result_is_among_those_documented() -> None:
    assert set(result_schema()["$defs"]) == {
        kind.__name__
        for kind in (
            *(Result, RunInfo, StageResult, Requests, Statistics, Corrected, Goodput, ObjectiveShare, Tokens),
            *(ErrorCount, Validity, Phases, LevelChange, Finding, GpuUse, GpuSummary, ChecksFound, Cost),
            *(ServerResult, ServerLevel, ServerCheck, ServerTimeline),
            *(StandardError, Contention, ContentionFigure),
            *(Sessions, TurnFigures, SearchResult, SearchLevel, Saturation),
        )
    }


def test_every_subject_of_the_verdict_is_documented() -> None:
    section = (DOCS / "result.md").read_text().partition("## Verdict\n")[2].partition("\n## ")[0]
    assert [subject for subject in LIMITS if f"`{subject}`" not in section] == []

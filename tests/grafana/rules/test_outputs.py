"""What is written: fresh in the repository, and of the shape that its readers want."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from jsonschema import Draft202012Validator

from swelld_grafana.rules.__main__ import main, outputs
from swelld_grafana.rules.catalogue import all_groups
from swelld_grafana.rules.objectives import Objective, pyrra, sloth
from swelld_grafana.rules.options import Options

ROOT: Final = Path(__file__).parents[3]
OBJECTIVES: Final = (Objective("canary", 0.999), Objective('odd "name"', 0.95))


def closed(required: list[str], **properties: Any) -> dict[str, Any]:
    """An object of these properties and no others, as the API server prunes or refuses the rest."""
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


TEXT: Final = {"type": "string"}
TEXTS: Final = {"type": "object", "additionalProperties": TEXT}
SPAN: Final = {"type": "string", "pattern": r"^(0|(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?)$"}
METADATA: Final = closed(["name"], name={"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"}, labels=TEXTS)


def kind(version: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    required = ["apiVersion", "kind", "metadata", "spec"]
    return closed(required, apiVersion={"const": version}, kind={"const": name}, metadata=METADATA, spec=spec)


# What the definitions of these custom resources allow, as far as it is used here
PROMETHEUS_RULE: Final = kind(
    "monitoring.coreos.com/v1",
    "PrometheusRule",
    closed(
        ["groups"],
        groups={
            "type": "array",
            "minItems": 1,
            "items": closed(
                ["name", "rules"],
                name={"type": "string", "minLength": 1},
                interval=SPAN,
                rules={
                    "type": "array",
                    "items": {
                        "oneOf": [
                            closed(["record", "expr"], record=TEXT, expr=TEXT),
                            closed(
                                ["alert", "expr"],
                                **{"for": SPAN},
                                alert=TEXT,
                                expr=TEXT,
                                labels=TEXTS,
                                annotations=TEXTS,
                            ),
                        ]
                    },
                },
            ),
        },
    ),
)
_SLOTH_ALERT: Final = closed([], labels=TEXTS, annotations=TEXTS, disable={"type": "boolean"})
SLOTH: Final = kind(
    "sloth.slok.dev/v1",
    "PrometheusServiceLevel",
    closed(
        ["service", "slos"],
        service=TEXT,
        labels=TEXTS,
        slos={
            "type": "array",
            "minItems": 1,
            "items": closed(
                ["name", "objective", "sli", "alerting"],
                name={"type": "string", "maxLength": 128, "pattern": "^[a-z0-9][a-z0-9-]*[a-z0-9]$"},
                objective={"type": "number", "exclusiveMinimum": 0, "maximum": 100},
                description=TEXT,
                sli=closed(
                    ["events"],
                    events=closed(
                        ["errorQuery", "totalQuery"],
                        errorQuery={"type": "string", "pattern": re.escape("[{{.window}}]")},
                        totalQuery={"type": "string", "pattern": re.escape("[{{.window}}]")},
                    ),
                ),
                alerting=closed(
                    ["name"],
                    name=TEXT,
                    labels=TEXTS,
                    annotations=TEXTS,
                    pageAlert=_SLOTH_ALERT,
                    ticketAlert=_SLOTH_ALERT,
                ),
            ),
        },
    ),
)
_METRIC: Final = closed(["metric"], metric=TEXT)
PYRRA: Final = kind(
    "pyrra.dev/v1alpha1",
    "ServiceLevelObjective",
    closed(
        ["target", "window", "indicator"],
        target={"type": "string", "pattern": r"^\d+(\.\d+)?$"},
        window=SPAN,
        description=TEXT,
        indicator=closed(
            ["ratio"],
            ratio=closed(["errors", "total"], errors=_METRIC, total=_METRIC, grouping={"type": "array", "items": TEXT}),
        ),
        alerting=closed([], name=TEXT, disabled={"type": "boolean"}),
    ),
)


def errors(schema: dict[str, Any], document: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(document)]


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return outputs(Options(), OBJECTIVES)


def test_nothing_in_the_repository_is_stale(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["--check"]) == 0, capsys.readouterr().out


def test_a_stale_file_is_named_and_not_touched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--out", str(tmp_path)]) == 0
    file = tmp_path / "rules/swelld.yaml"
    file.write_text("groups: []\n")
    capsys.readouterr()
    assert main(["--out", str(tmp_path), "--check"]) == 1
    assert capsys.readouterr().out == f"{file} is stale: run `python -m swelld_grafana.rules`\n"
    assert file.read_text() == "groups: []\n"
    assert main(["--out", str(tmp_path)]) == 0
    assert main(["--out", str(tmp_path), "--check"]) == 0


def test_urls_and_job_are_ours_to_choose(tmp_path: Path) -> None:
    flags = ["--runbooks", "https://r.example/", "--grafana", "https://g.example", "--job", "llm-.*"]
    assert main(["--out", str(tmp_path), *flags]) == 0
    groups = yaml.safe_load((tmp_path / "rules/swelld.yaml").read_text())["groups"]
    (down,) = [rule for group in groups for rule in group["rules"] if rule.get("alert") == "SwelldDown"]
    assert down["expr"] == 'up{job=~"llm-.*"} == 0'
    assert down["annotations"]["runbook_url"] == "https://r.example/SwelldDown.md"
    assert down["annotations"]["dashboard_url"].startswith("https://g.example/d/swelld-overview?")


def test_the_operator_gets_the_same_rules(made: dict[str, str]) -> None:
    rule = yaml.safe_load(made["rules/kubernetes/prometheusrule.yaml"])
    assert errors(PROMETHEUS_RULE, rule) == []
    assert rule["spec"] == yaml.safe_load(made["rules/swelld.yaml"])
    assert [group["name"] for group in rule["spec"]["groups"]] == [group.name for group in all_groups(Options())]


def test_sloth_is_given_percent_and_queries(made: dict[str, str]) -> None:
    spec = yaml.safe_load(made["rules/kubernetes/sloth.yaml"])
    assert errors(SLOTH, spec) == []
    assert spec == sloth(OBJECTIVES, Options())
    first, second = spec["spec"]["slos"]
    assert (first["name"], first["objective"]) == ("canary-goodput", 99.9)
    bad = 'sum(rate(swelld_slo_bad_events_total{scenario="canary",slo="goodput"}[{{.window}}]))'
    assert first["sli"]["events"]["errorQuery"] == bad
    assert (second["name"], second["objective"]) == ("odd--name-goodput", 95.0)
    assert 'scenario="odd \\"name\\""' in second["sli"]["events"]["totalQuery"]


def test_pyrra_is_given_an_object_for_each(made: dict[str, str]) -> None:
    documents = list(yaml.safe_load_all(made["rules/kubernetes/pyrra.yaml"]))
    assert [errors(PYRRA, document) for document in documents] == [[], []]
    assert documents == pyrra(OBJECTIVES, Options())
    spec = documents[0]["spec"]
    assert (spec["target"], spec["window"]) == ("99.9", "30d")
    assert spec["indicator"]["ratio"]["total"]["metric"] == 'swelld_slo_events_total{scenario="canary",slo="goodput"}'


def test_the_schemas_refuse_what_is_wrong(made: dict[str, str]) -> None:
    rule = yaml.safe_load(made["rules/kubernetes/prometheusrule.yaml"])
    rule["spec"]["groups"][0]["interval"] = "1 minute"
    rule["spec"]["groups"][0]["rules"][0]["alert"] = "both"
    assert len(errors(PROMETHEUS_RULE, rule)) == 2
    spec = yaml.safe_load(made["rules/kubernetes/sloth.yaml"])
    spec["spec"]["slos"][0]["objective"] = 0
    assert len(errors(SLOTH, spec)) == 1


def test_objectives_come_from_a_configuration(tmp_path: Path) -> None:
    config = tmp_path / "swelld.yaml"
    scenarios = {
        "canary": {"objectives": {"ttft": "1s", "share": 0.9}},
        "usual": {"objectives": {"e2e": "9s"}},
        "no": {},
    }
    config.write_text(yaml.safe_dump({"scenarios": scenarios}))
    assert main(["--out", str(tmp_path), "--config", str(config)]) == 0
    slos = yaml.safe_load((tmp_path / "rules/kubernetes/sloth.yaml").read_text())["spec"]["slos"]
    assert [(slo["name"], slo["objective"]) for slo in slos] == [("canary-goodput", 90.0), ("usual-goodput", 99.0)]

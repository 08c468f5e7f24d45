"""Every alert in `promtool test rules`: quiet, firing with its labels and texts, and clear again."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import pytest
import yaml

from prometheus_server import program
from swelld_grafana.rules.catalogue import all_groups
from swelld_grafana.rules.model import Alert, Group, Record, alerts
from swelld_grafana.rules.options import Options
from swelld_grafana.rules.prometheus import rule_file

CASES: Final[list[dict[str, Any]]] = [
    case
    for file in sorted((Path(__file__).parent / "cases").glob("*.yaml"))
    for case in yaml.safe_load(file.read_text())
]
PARAMETERS: Final = [
    pytest.param(case, id=f"{case['alert']}-{number}", marks=[pytest.mark.slow] if case.get("slow") else [])
    for number, case in enumerate(CASES)
]
OPTIONS: Final = Options()
GROUPS: Final = all_groups(OPTIONS)
LOOKS: Final = 12
"""How often a quiet world is looked at."""


def needed(names: set[str]) -> list[Group]:
    """These groups, and those that record what they use."""
    found = [group for group in GROUPS if group.name in names]
    used = set(re.findall(r"\b\w+:[\w:]+", " ".join(rule.expr for group in found for rule in group.rules)))
    more = {g.name for g in GROUPS if any(isinstance(r, Record) and r.name in used for r in g.rules)}
    return found if more <= names else needed(names | more)


def groups_of(case: dict[str, Any]) -> list[Group]:
    if "groups" in case:
        return [group for group in GROUPS if group.name in case["groups"]]
    return needed({g.name for g in GROUPS for r in g.rules if r.name == case["alert"]})


def rule_of(alert: str, labels: dict[str, str]) -> Alert:
    (found,) = [a for a in alerts(GROUPS) if a.name == alert and a.labels.items() <= labels.items()]
    return found


def series(worlds: dict[str, str], common: str) -> list[dict[str, str]]:
    """With the labels they have in common, where they have not their own."""
    made = []
    for name, values in worlds.items():
        metric, _, labels = name.partition("{")
        own = labels.removesuffix("}")
        shared = [pair for pair in common.split(",") if pair.partition("=")[0] not in re.findall(r"(\w+)=", own)]
        every = ",".join(filter(None, [*shared, own]))
        made.append({"series": f"{metric}{{{every}}}", "values": values})
    return made


def expected(case: dict[str, Any], alert: dict[str, Any]) -> dict[str, Any]:
    rule = rule_of(case["alert"], alert["labels"])
    shown = {f"var-{k}": v for k in ("scenario", "target", "model", "stage") if (v := alert["labels"].get(k))}
    variables = f"&{urlencode(shown)}" if shown else ""
    return {
        "exp_labels": alert["labels"],
        "exp_annotations": {
            "summary": rule.summary,
            "description": alert["description"],
            "runbook_url": f"docs/runbooks/{rule.name}.md",
            "dashboard_url": f"http://localhost:3000/d/swelld-{rule.dashboard}?from=now-6h&to=now{variables}",
        },
    }


def minutes(text: str) -> int:
    return int(text.removesuffix("m"))


def quiet_world(case: dict[str, Any], world: dict[str, str]) -> dict[str, Any]:
    values, start = {k: v for k, v in world.items() if k != "quiet_from"}, minutes(world.get("quiet_from", "0m"))
    last, step = 5 + max(minutes(case[key]) for key in ("fires_at", "clears_at")), minutes(case.get("step", "1m"))
    looks = sorted({start + (last - start) * look // LOOKS // step * step for look in range(1, LOOKS + 1)})
    return {
        "interval": "1m",
        "input_series": series(values, case["common"]),
        "alert_rule_test": [{"eval_time": f"{m}m", "alertname": case["alert"], "exp_alerts": []} for m in looks],
    }


def promtool_test(case: dict[str, Any], rules: str) -> dict[str, Any]:
    """A file for `promtool test rules`."""
    told = {"quiet_at": [], "fires_at": [expected(case, alert) for alert in case["alerts"]], "clears_at": []}
    checks = [{"eval_time": case[key], "alertname": case["alert"], "exp_alerts": told[key]} for key in told]
    world = {"interval": "1m", "input_series": series(case["series"], case["common"]), "alert_rule_test": checks}
    return {
        "rule_files": [rules],
        "evaluation_interval": case.get("step", "1m"),
        "group_eval_order": [group.name for group in groups_of(case)],  # by chance otherwise
        "tests": [world, *(quiet_world(case, never) for never in case["never"])],
    }


@pytest.mark.parametrize("case", PARAMETERS)
def test_it_is_quiet_fires_and_clears(case: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rule_file(tuple(groups_of(case)), OPTIONS)))
    test = tmp_path / "test.yaml"
    test.write_text(yaml.safe_dump(promtool_test(case, "rules.yaml"), width=1000))
    done = subprocess.run(
        [program("promtool"), "test", "rules", str(test)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_rule_is_without_a_case() -> None:
    rules = {(alert.name, *alert.labels.values()) for alert in alerts(GROUPS)}
    fired = {
        (case["alert"], *rule_of(case["alert"], alert["labels"]).labels.values())
        for case in CASES
        for alert in case["alerts"]
    }
    assert fired == rules


def test_every_alert_has_a_world_in_which_it_stays_quiet() -> None:
    assert {alert.name for alert in alerts(GROUPS)} == {case["alert"] for case in CASES if case["never"]}


@pytest.mark.parametrize("case", PARAMETERS)
def test_a_case_looks_before_during_and_after(case: dict[str, Any]) -> None:
    assert minutes(case["quiet_at"]) < minutes(case["fires_at"]) < minutes(case["clears_at"])
    assert case["alerts"]
    assert all(case["never"])


def test_promtool_accepts_the_whole(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump(rule_file(GROUPS, OPTIONS)))
    command = [shutil.which("promtool") or program("promtool"), "check", "rules", "--lint-fatal", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rules = sum(len(group.rules) for group in GROUPS)
    assert f"SUCCESS: {rules} rules found" in done.stdout

"""Routes by amtool, inhibition by a real Alertmanager."""

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from alertmanager_server import alertmanager_server, webhook
from prometheus_server import program
from swelld_grafana.rules.alertmanager import alertmanager
from swelld_grafana.rules.catalogue import all_groups
from swelld_grafana.rules.model import alerts
from swelld_grafana.rules.options import Options

DEADLINE = 40.0
SLO = {"job": "swelld", "scenario": "canary", "target": "llama", "model": "l3", "slo": "goodput"}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "alertmanager.yml"
    file.write_text(yaml.safe_dump(alertmanager()))
    return file


def amtool(*arguments: str) -> str:
    done = subprocess.run([program("amtool"), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_amtool_accepts_it(config: Path) -> None:
    assert "SUCCESS" in amtool("check-config", str(config))


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (["alertname=SwelldDown", "severity=page"], "page"),
        (["alertname=SwelldGpuHot", "severity=ticket"], "ticket"),
        (["alertname=NodeDown", "severity=page"], "ticket"),
    ],
)
def test_pages_go_to_the_pager(config: Path, labels: list[str], receiver: str) -> None:
    said = amtool("config", "routes", "test", f"--config.file={config}", *labels)
    assert said.split()[0] == receiver


def test_inhibition_names_only_alerts_that_there_are() -> None:
    known = {alert.name for alert in alerts(all_groups(Options()))}
    for rule in alertmanager()["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            name, _, values = matcher.replace("=~", "=").partition("=")
            if name == "alertname" and values != '"Swelld.+"':
                assert set(values.strip('"').split("|")) <= known


async def shown(session: aiohttp.ClientSession, labels: list[dict[str, str]], known: int) -> list[dict[str, Any]]:
    """All alerts, once these are among them and every one has been through its route."""
    async with session.post("/api/v2/alerts", json=[{"labels": one} for one in labels]) as response:
        assert response.status == 200, await response.text()
    while True:
        async with session.get("/api/v2/alerts") as response:
            found: list[dict[str, Any]] = await response.json()
        if len(found) == known + len(labels) and all(one["status"]["state"] != "unprocessed" for one in found):
            return found
        await asyncio.sleep(0.1)


async def silencers(url: str, cause: dict[str, str], others: list[dict[str, str]]) -> dict[str, list[str]]:
    """Alert, told apart by all its labels -> names of those that silence it. The cause is known first."""
    async with aiohttp.ClientSession(url) as session:
        await shown(session, [cause], 0)
        found = await shown(session, others, 1)
    by_print = {alert["fingerprint"]: alert["labels"]["alertname"] for alert in found}
    return {key(alert["labels"]): sorted(by_print[p] for p in alert["status"]["inhibitedBy"]) for alert in found}


def key(labels: dict[str, str]) -> str:
    return " ".join(sorted(labels.values()))


@pytest.mark.parametrize(
    ("cause", "silenced", "heard"),
    [
        (
            {"alertname": "SwelldDown", "severity": "page", "job": "swelld", "instance": "a:1"},
            {"alertname": "SwelldOutletDropping", "severity": "ticket", "job": "swelld", "instance": "a:1"},
            {"alertname": "SwelldOutletDropping", "severity": "ticket", "job": "swelld", "instance": "b:1"},
        ),
        (
            {"alertname": "SwelldInstrumentInvalid", "severity": "ticket", "job": "swelld", "scenario": "canary"},
            {"alertname": "SwelldErrorBudgetBurn", "severity": "page", **SLO},
            {"alertname": "SwelldErrorBudgetBurn", "severity": "page", **SLO, "scenario": "other"},
        ),
        (
            {"alertname": "SwelldTargetDown", "severity": "page", "job": "swelld", "target": "llama"},
            {"alertname": "SwelldTargetSlow", "severity": "ticket", **SLO},
            {"alertname": "SwelldTargetSlow", "severity": "ticket", **SLO, "target": "qwen"},
        ),
        (
            {"alertname": "SwelldErrorBudgetBurn", "severity": "page", "long": "1h", **SLO},
            {"alertname": "SwelldErrorBudgetBurn", "severity": "ticket", "long": "1d", **SLO},
            {"alertname": "SwelldErrorBudgetBurn", "severity": "ticket", "long": "1d", **SLO, "model": "l4"},
        ),
    ],
    ids=["down", "instrument", "target", "page"],
)
async def test_a_cause_silences_what_follows_from_it(
    tmp_path: Path, cause: dict[str, str], silenced: dict[str, str], heard: dict[str, str]
) -> None:
    config = alertmanager(wait="0s", interval="1s")
    async with asyncio.timeout(DEADLINE), alertmanager_server(tmp_path, config) as url:
        found = await silencers(url, cause, [silenced, heard])
    assert found == {key(cause): [], key(silenced): [cause["alertname"]], key(heard): []}


async def test_receivers_are_told(tmp_path: Path) -> None:
    labels = {"alertname": "SwelldDown", "severity": "page", "job": "swelld", "instance": "a:1"}
    async with asyncio.timeout(DEADLINE), webhook() as told:
        config = alertmanager(page={"webhook_configs": [{"url": told.url}]}, wait="0s", interval="1s")
        async with alertmanager_server(tmp_path, config) as url, aiohttp.ClientSession(url) as session:
            async with session.post("/api/v2/alerts", json=[{"labels": labels}]) as response:
                assert response.status == 200
            found = await told.until("firing")
    assert found["labels"] == labels

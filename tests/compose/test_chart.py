"""What the chart tells swelld, Prometheus and Grafana, what it refuses, and the sidecar beside it."""

import json
import re
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml
from jsonschema import Draft7Validator

from helm_chart import CHART, CONFIG, LEAST, MOST, NEWEST, OLDEST, ROOT, ChartError, environment, of, pods, render
from swelld.settings.loading import load_settings
from swelld.settings.web import Address


@pytest.mark.parametrize("values", [LEAST, MOST], ids=["least", "most"])
def test_swelld_takes_the_configuration(values: dict[str, Any], tmp_path: Path) -> None:
    manifests = render(values)
    file = tmp_path / "swelld.yaml"
    (written,) = [m["data"]["swelld.yaml"] for m in manifests if "swelld.yaml" in m.get("data", {})]
    file.write_text(written)
    for pod in pods(manifests):
        variables = {name: value.replace("$(POD_INDEX)", "1") for name, value in environment(pod).items()}
        settings = load_settings(file, variables)
        assert list(settings.scenarios) == ["canary", "sweep"]
        assert settings.web.listen == Address("", 9464)
        assert settings.web.reading_is_open
        assert str(settings.store.dir) == "/var/lib/swelld"
        assert settings.grace < pod["spec"]["terminationGracePeriodSeconds"]


def test_the_options_of_a_cron_job_are_those_of_the_command() -> None:
    import typer.main

    from swelld.cli.application import app

    command = typer.main.get_command(app)
    known = {option for one in command.commands["run"].params for option in one.opts}  # type: ignore[attr-defined]
    (pod,) = pods([of(render(MOST), "CronJob")])
    used = {word for word in pod["spec"]["containers"][0]["args"] if word.startswith("--")}
    assert used <= known


def test_prometheus_finds_the_job_that_rules_look_for() -> None:
    for kind, endpoints in (("ServiceMonitor", "endpoints"), ("PodMonitor", "podMetricsEndpoints")):
        manifest = of(render(MOST | {"monitor": {"kind": kind}}, "canaries"), kind)
        assert manifest["spec"]["jobLabel"] == "app.kubernetes.io/name"
        assert manifest["metadata"]["labels"]["app.kubernetes.io/name"] == "swelld"
        assert manifest["spec"][endpoints][0]["port"] == "http"
        assert manifest["spec"][endpoints][0]["interval"] == "15s"
    rules = (ROOT / "grafana/out/rules/swelld.yaml").read_text()
    (job,) = set(re.findall(r'up\{job=~"([^"]+)"\} == 0', rules))
    assert re.fullmatch(job, "swelld")


def test_rules_and_dashboards_are_those_that_were_built() -> None:
    manifests = render(MOST)
    built = yaml.safe_load((ROOT / "grafana/out/rules/swelld.yaml").read_text())
    assert of(manifests, "PrometheusRule")["spec"] == built
    dashboards = {path.name: json.loads(path.read_text()) for path in (ROOT / "grafana/out/dashboards").glob("*.json")}
    maps = [m for m in manifests if m["kind"] == "ConfigMap" and "grafana_dashboard" in m["metadata"]["labels"]]
    assert {name: json.loads(text) for m in maps for name, text in m["data"].items()} == dashboards
    assert all(len(json.dumps(m)) < 900_000 for m in maps), "a ConfigMap holds a megabyte"
    assert len({m["metadata"]["name"] for m in maps}) == len(dashboards)


def test_the_network_policy_lets_in_and_out_what_is_named() -> None:
    open_policy, closed = (of(render(values), "NetworkPolicy")["spec"] for values in (LEAST, MOST))
    assert open_policy["policyTypes"] == ["Ingress"]
    assert open_policy["ingress"] == [
        {"ports": [{"port": 9464, "protocol": "TCP"}], "from": [{"namespaceSelector": {}}]}
    ]
    assert closed["policyTypes"] == ["Ingress", "Egress"]
    assert closed["egress"][0]["ports"] == [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]
    assert closed["egress"][1:] == [{"to": [{"namespaceSelector": {}}]}]


def test_a_change_restarts_the_pods_if_that_is_wanted() -> None:
    def checksum(values: dict[str, Any]) -> str | None:
        annotations = next(pods(render(values)))["metadata"].get("annotations", {})
        found: str | None = annotations.get("checksum/config")
        return found

    assert checksum(LEAST) is None
    other = LEAST | {"restartOnChange": True, "config": CONFIG | {"seed": 7}}
    assert checksum(other) != checksum(LEAST | {"restartOnChange": True}) is not None


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "/config/targets"),
        (LEAST | {"mode": "daemonset"}, "/mode"),
        (LEAST | {"replicas": 2}, "replicas"),
        (LEAST | {"image": {"repository": "x", "digest": "sha256:1"}}, "/image/digest"),
        (LEAST | {"cronJobs": {"nightly": {"schedule": "0 2 * * *", "scenarios": ["a"]}}}, "pushgateway"),
        (LEAST | {"monitor": {"kind": "PodMonitor", "interval": "soon"}}, "/monitor/interval"),
    ],
    ids=["no target", "no such mode", "replicas", "digest", "cron job", "interval"],
)
def test_wrong_values_are_refused_by_name(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ChartError, match=re.escape(said)):
        render(values)


def test_every_value_has_a_schema_and_a_default() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    Draft7Validator.check_schema(schema)
    assert set(values) == set(schema["properties"]) - {"global"}
    for name, value in values.items():
        if schema["properties"][name].get("additionalProperties") is False:
            assert set(value) == set(schema["properties"][name]["properties"]), name


def test_the_sidecar_stands_beside_its_server() -> None:
    manifest = yaml.safe_load((ROOT / "compose/kubernetes/sidecar.yaml").read_text())
    for version in (OLDEST, NEWEST):
        kubernetes_validate.validate(manifest, version, strict=True)
    (pod,) = pods([manifest])
    server, sidecar = pod["spec"]["containers"]
    settings = load_settings(None, environment(pod))
    (target,), (scenario,) = settings.targets.values(), settings.scenarios.values()
    assert target.url == f"http://127.0.0.1:{server['ports'][0]['containerPort']}"
    assert f"--served-model-name={target.model}" in server["args"]
    assert settings.web.listen.port == sidecar["ports"][0]["containerPort"]
    assert "readinessProbe" not in sidecar, "it would take the server out of its Service"
    waits = int(server["lifecycle"]["preStop"]["exec"]["command"][-1].removeprefix("sleep "))
    assert scenario.drain < waits < pod["spec"]["terminationGracePeriodSeconds"]
    assert sidecar["securityContext"]["readOnlyRootFilesystem"] is True
    assert str(settings.store.dir) in {mount["mountPath"] for mount in sidecar["volumeMounts"]}


@pytest.mark.parametrize("number", range(3))
def test_values_shown_in_the_documentation_render(number: int, tmp_path: Path) -> None:
    page = (ROOT / "docs/deploy/kubernetes.md").read_text()
    shown = re.findall(r"^```yaml values\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert len(shown) == 3
    values = yaml.safe_load(shown[number])
    manifests = render(values)
    kinds = {manifest["kind"] for manifest in manifests}
    wanted = {"deployment": "Deployment", "statefulset": "StatefulSet", "none": "CronJob"}
    assert wanted[values.get("mode", "deployment")] in kinds
    (written,) = [m["data"]["swelld.yaml"] for m in manifests if "swelld.yaml" in m.get("data", {})]
    file = tmp_path / "swelld.yaml"
    file.write_text(written)
    assert list(load_settings(file, {}).scenarios) == list(values["config"]["scenarios"])
    jobs = values.get("cronJobs", {}).values()
    assert all(set(job["scenarios"]) <= set(values["config"]["scenarios"]) for job in jobs)


def test_chart_and_program_have_one_version() -> None:
    import swelld

    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert str(chart["appVersion"]) == swelld.__version__

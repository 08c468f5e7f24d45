"""The configurations of the stack's parts: each judged by its own tool where there is one, and all of them together."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from swelld.settings.loading import load_settings

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "compose"
SWELLD = sorted((COMPOSE / "swelld").glob("*.yaml"))
PORTS = {
    "swelld": {9464},
    "simulator": {8000},
    "prometheus": {9090},
    "alertmanager": {9093},
    "pushgateway": {9091},
    "otel-collector": {4317, 4318, 8888},
    "tempo": {3200, 4317},
    "postgres": {5432},
    "grafana": {3000},
    "vllm": {8000},
    "ollama": {11434},
    "llamacpp": {8080},
}

Json = dict[str, Any]


def read(name: str) -> Json:
    found: Json = yaml.safe_load((COMPOSE / name).read_text())
    return found


def reaches(address: str) -> bool:
    """Whether HOST:PORT, with or without http://, is a service of the stack and a port that it listens on."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    return parts.hostname in PORTS and parts.port in PORTS[parts.hostname]


def test_the_ports_are_those_of_the_services() -> None:
    for path in COMPOSE.glob("compose*.yaml"):
        for name, service in yaml.safe_load(path.read_text())["services"].items():
            given = {int(str(port).rpartition(":")[2]) for port in service.get("ports", []) + service.get("expose", [])}
            assert given <= PORTS.get(name, set()), name


@pytest.mark.parametrize("path", SWELLD, ids=lambda path: path.stem)
def test_swelld_takes_its_configuration(path: Path, stack: Json) -> None:
    variables = {k: v for k, v in stack["services"]["swelld"]["environment"].items() if k.startswith("SWELLD_")}
    settings = load_settings(path, variables)
    assert [reaches(target.url) for target in settings.targets.values()] == [True]
    assert settings.web.listen.port == 9464
    assert not settings.web.on_loopback
    assert settings.web.reading_is_open, "Prometheus has no token"
    assert settings.web.tokens, "nobody could start a run"
    named = {str(token.token.file) for token in settings.web.tokens if token.token is not None}
    named.add(str(settings.store.url.file if settings.store.url else None))
    assert named == {f"/run/secrets/{name}" for name in stack["services"]["swelld"]["secrets"]}
    assert settings.exporters.otlp.enabled
    assert reaches(str(settings.exporters.otlp.endpoint))
    grace = stack["services"]["swelld"]["stop_grace_period"]
    assert settings.grace < float(grace.removesuffix("s"))


def test_the_overlays_have_a_configuration_each() -> None:
    assert [path.stem for path in SWELLD] == ["llamacpp", "ollama", "simulator", "vllm"]


def test_promtool_takes_prometheus_configuration(tool: Callable[[str], str], tmp_path: Path) -> None:
    config = read("prometheus/prometheus.yml")
    config["rule_files"] = [shutil.copy(ROOT / "grafana/out/rules/swelld.yaml", tmp_path)]
    file = tmp_path / "prometheus.yml"
    file.write_text(yaml.safe_dump(config))
    command = [tool("promtool"), "check", "config", "--lint=all", "--lint-fatal", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"SUCCESS: [1-9]\d* rules found", done.stdout)


def test_amtool_takes_alertmanagers(tool: Callable[[str], str], stack: Json) -> None:
    volume = stack["services"]["alertmanager"]["volumes"][0].partition(":")[0]
    command = [tool("amtool"), "check-config", str(COMPOSE / volume)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_prometheus_scrapes_and_tells_what_is_there(stack: Json) -> None:
    config = read("prometheus/prometheus.yml")
    scraped = [at for job in config["scrape_configs"] for group in job["static_configs"] for at in group["targets"]]
    assert all(reaches(at) for at in scraped if at != "localhost:9090"), scraped
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    assert jobs["swelld"]["static_configs"] == [{"targets": ["swelld:9464"]}], "rules look for the job"
    assert jobs["pushgateway"]["honor_labels"] is True
    told = [
        at for one in config["alerting"]["alertmanagers"] for group in one["static_configs"] for at in group["targets"]
    ]
    assert told == ["alertmanager:9093"]
    pattern = config["rule_files"][0]
    mounted = [volume.split(":")[1] for volume in stack["services"]["prometheus"]["volumes"]]
    assert any(Path(at).match(pattern) for at in mounted)


def test_the_collector_hands_traces_to_tempo() -> None:
    collector, tempo = read("otel-collector/config.yaml"), read("tempo/tempo.yaml")
    for pipeline in collector["service"]["pipelines"].values():
        for kind in ("receivers", "processors", "exporters"):
            assert set(pipeline[kind]) <= set(collector[kind])
        assert pipeline["processors"][0] == "memory_limiter"
    used = {kind: {n for p in collector["service"]["pipelines"].values() for n in p[kind]} for kind in pipeline}
    assert all(set(collector[kind]) == used[kind] for kind in used), "a part that no pipeline uses"
    receiver = tempo["distributor"]["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"]
    host, _, port = collector["exporters"]["otlp/tempo"]["endpoint"].partition(":")
    assert (host, port) == ("tempo", receiver.rpartition(":")[2])
    assert {at["endpoint"] for at in collector["receivers"]["otlp"]["protocols"].values()} == {
        "0.0.0.0:4317",
        "0.0.0.0:4318",
    }


def test_tempo_keeps_its_blocks_on_the_volume(stack: Json) -> None:
    storage = read("tempo/tempo.yaml")["storage"]["trace"]
    mounted = [volume.split(":")[1] for volume in stack["services"]["tempo"]["volumes"]]
    assert {str(Path(storage[kind]["path"]).parent) for kind in ("wal", "local")} <= set(mounted)


def test_grafana_has_a_datasource_for_every_panel() -> None:
    sources = read("grafana/provisioning/datasources/swelld.yaml")["datasources"]
    by_uid = {source["uid"]: source for source in sources}
    assert set(by_uid) == {"prometheus", "tempo", "swelld-store", "alertmanager"}
    assert len(by_uid) == len(sources)
    assert all(reaches(source["url"]) for source in sources)
    assert [uid for uid, source in by_uid.items() if source.get("isDefault")] == ["prometheus"]
    destinations = by_uid["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]
    assert destinations == [{"name": "trace_id", "datasourceUid": "tempo"}]
    assert by_uid["tempo"]["jsonData"]["tracesToMetrics"]["datasourceUid"] in by_uid
    wanted = set()
    for path in (ROOT / "grafana/out/dashboards").glob("*.json"):
        wanted |= set(re.findall(r'"type": "datasource"[^}]*?"query": "([^"]+)"', path.read_text(), re.DOTALL))
    assert wanted == {"prometheus", "grafana-postgresql-datasource"}
    assert wanted <= {source["type"] for source in sources}


def test_grafana_finds_its_secrets_dashboards_and_home(stack: Json) -> None:
    grafana = stack["services"]["grafana"]
    for text in (*(COMPOSE / "grafana/provisioning").rglob("*.yaml"),):
        for secret in re.findall(r"/run/secrets/(\w+)", text.read_text()):
            assert secret in grafana["secrets"]
    assert grafana["environment"]["GF_SECURITY_ADMIN_PASSWORD__FILE"] == "/run/secrets/grafana_admin_password"
    provider = read("grafana/provisioning/dashboards/swelld.yaml")["providers"][0]
    mounts = dict(volume.split(":")[1::-1] for volume in grafana["volumes"])
    folder = COMPOSE / mounts[provider["options"]["path"]]
    assert len(list(folder.glob("*.json"))) >= 9
    home = Path(grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (folder / home.name).exists()
    assert str(home.parent) == provider["options"]["path"]


def test_grafana_tells_the_same_alertmanager() -> None:
    alerting = read("grafana/provisioning/alerting/swelld.yaml")
    (point,) = alerting["contactPoints"]
    assert [reaches(receiver["settings"]["url"]) for receiver in point["receivers"]] == [True]
    assert [policy["receiver"] for policy in alerting["policies"]] == [point["name"]]

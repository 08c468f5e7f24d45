"""The Helm chart, rendered by real Helm, with the values that tests look at."""

import copy
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
CHART = ROOT / "compose/kubernetes/swelld"
OLDEST, NEWEST = "1.28", "1.37"
"""Versions of Kubernetes."""

# Helm's Go runtime gets a process of its own: it would not get along with tests that fork and handle signals.
_RENDER = """
import json, sys
import helm_python
wanted = json.load(sys.stdin)
with helm_python.Chart.load(wanted["chart"]) as chart:
    try:
        print(json.dumps({"files": chart.render(wanted["values"], name=wanted["name"], namespace="load")}))
    except helm_python.HelmError as error:
        print(json.dumps({"error": str(error)}))
"""

Manifest = dict[str, Any]


class ChartError(Exception):
    """What Helm says of values that it does not take."""


def render(values: Mapping[str, Any], name: str = "demo") -> list[Manifest]:
    """Every manifest that real Helm makes of the chart."""
    return copy.deepcopy(_rendered(json.dumps({"chart": str(CHART), "values": values, "name": name})))


@cache
def _rendered(wanted: str) -> list[Manifest]:
    command = [sys.executable, "-c", _RENDER]
    done = subprocess.run(command, input=wanted, capture_output=True, text=True, check=True, timeout=120)
    answer = json.loads(done.stdout)
    if "error" in answer:
        raise ChartError(answer["error"])
    pages = [text for path, text in sorted(answer["files"].items()) if path.endswith(".yaml")]
    return [manifest for text in pages for manifest in yaml.load_all(text, yaml.CSafeLoader) if manifest]


CONFIG = {
    "targets": {"chat": {"url": "http://llama.models.svc:8000", "api_key": {"file": "/run/secrets/swelld/api_key"}}},
    "scenarios": {
        "canary": {"load": "1/s", "schedule": "continuous"},
        "sweep": {"load": {"concurrency": [1, 4]}, "requests": 50, "schedule": "manual"},
    },
}
LEAST: dict[str, Any] = {"config": CONFIG}
MOST: dict[str, Any] = {
    "config": CONFIG | {"web": {"tls": {"cert": "/run/secrets/swelld/tls.crt", "key": "/run/secrets/swelld/tls.key"}}},
    "mode": "statefulset",
    "shares": 3,
    "image": {"repository": "registry.example.com/swelld", "digest": f"sha256:{'a' * 64}"},
    "imagePullSecrets": [{"name": "registry"}],
    "restartOnChange": True,
    "secretName": "swelld-secrets",
    "env": [{"name": "SWELLD_LOG__LEVEL", "value": "debug"}],
    "envFrom": [{"secretRef": {"name": "more"}}],
    "persistence": {"enabled": True, "storageClass": "fast"},
    "nodeSelector": {"pool": "load"},
    "tolerations": [{"key": "load", "operator": "Exists"}],
    "affinity": {"podAntiAffinity": {}},
    "topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}
    ],
    "priorityClassName": "load",
    "podAnnotations": {"a": "1"},
    "podLabels": {"b": "2"},
    "service": {"annotations": {"c": "3"}},
    "serviceAccount": {"annotations": {"d": "4"}},
    "cronJobs": {
        "nightly": {
            "schedule": "0 2 * * *",
            "timeZone": "Europe/Berlin",
            "scenarios": ["sweep"],
            "pushgateway": "http://pushgateway.monitoring.svc:9091",
            "failOnSlo": True,
        }
    },
    "monitor": {"kind": "ServiceMonitor", "labels": {"release": "prometheus"}},
    "rules": {"enabled": True},
    "dashboards": {"enabled": True},
    "networkPolicy": {"from": [{"podSelector": {}}], "egress": [{"to": [{"namespaceSelector": {}}]}]},
    "podDisruptionBudget": {"enabled": True},
}
SHAPES = {
    "least": LEAST,
    "most": MOST,
    "kept": LEAST | {"persistence": {"enabled": True}},
    "one-shot": MOST | {"mode": "none"},
    "pod-monitor": MOST | {"monitor": {"kind": "PodMonitor"}},
}


def of(manifests: list[Manifest], kind: str) -> Manifest:
    """The only one of a kind."""
    (found,) = [manifest for manifest in manifests if manifest["kind"] == kind]
    return found


def pods(manifests: list[Manifest]) -> Iterator[Manifest]:
    """The pod templates."""
    for manifest in manifests:
        spec = manifest.get("spec", {})
        if manifest["kind"] == "CronJob":
            yield spec["jobTemplate"]["spec"]["template"]
        elif "template" in spec:
            yield spec["template"]


def environment(pod: Manifest) -> dict[str, str]:
    """Variables with a value, the others as what Kubernetes may put there."""
    given = pod["spec"]["containers"][-1]["env"]
    return {entry["name"]: entry.get("value", "pod-0") for entry in given}

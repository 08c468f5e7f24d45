"""What the chart makes for Kubernetes: pods and what belongs to them, held against Kubernetes' own schemas."""

from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest

from helm_chart import LEAST, MOST, NEWEST, OLDEST, SHAPES, of, pods, render


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("values", SHAPES.values(), ids=SHAPES)
def test_kubernetes_takes_it(values: dict[str, Any], version: str) -> None:
    checked = [m for m in render(values) if not m["apiVersion"].startswith("monitoring.coreos.com/")]
    for manifest in checked:
        kubernetes_validate.validate(manifest, version, strict=True)
    assert len(checked) >= 4


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_the_schemas_would_tell(version: str) -> None:
    manifest = of(render(LEAST), "Deployment")
    manifest["spec"]["template"]["spec"]["containers"][0]["imagePullPolicyy"] = "Always"
    with pytest.raises(kubernetes_validate.ValidationError, match="imagePullPolicyy"):
        kubernetes_validate.validate(manifest, version, strict=True)


def test_the_least_is_one_daemon_without_rights() -> None:
    manifests = render(LEAST)
    assert sorted(m["kind"] for m in manifests) == [
        "ConfigMap",
        "Deployment",
        "NetworkPolicy",
        "Service",
        "ServiceAccount",
    ]
    assert of(manifests, "ServiceAccount")["automountServiceAccountToken"] is False
    deployment = of(manifests, "Deployment")
    assert deployment["spec"]["replicas"] == 1
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}


@pytest.mark.parametrize("values", SHAPES.values(), ids=SHAPES)
def test_every_pod_is_restricted(values: dict[str, Any]) -> None:
    found = list(pods(render(values)))
    assert found
    for pod in found:
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] == 65532, "the user of the image"
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["requests"] == {"cpu": "1", "memory": "512Mi"}
            assert container["resources"]["limits"] == {"memory": "1Gi"}, "throttled load measures itself"
        assert {v["name"] for v in spec["volumes"]} <= {"config", "tmp", "secrets", "state"}


@pytest.mark.parametrize("values", SHAPES.values(), ids=SHAPES)
def test_everything_mounted_is_a_volume(values: dict[str, Any]) -> None:
    manifests = render(values)
    claims = [
        claim["metadata"]["name"] for m in manifests for claim in m.get("spec", {}).get("volumeClaimTemplates", [])
    ]
    for pod in pods(manifests):
        volumes = {v["name"] for v in pod["spec"]["volumes"]}
        if pod["spec"].get("restartPolicy") != "Never":
            volumes |= set(claims)
        assert {m["name"] for m in pod["spec"]["containers"][0]["volumeMounts"]} == volumes


@pytest.mark.parametrize("values", SHAPES.values(), ids=SHAPES)
def test_selectors_find_their_pods(values: dict[str, Any]) -> None:
    manifests = render(values)
    labels = [pod["metadata"]["labels"] for pod in pods(manifests)]
    for manifest in manifests:
        spec = manifest.get("spec", {})
        wanted = spec.get("podSelector", spec.get("selector", {}))
        wanted = wanted.get("matchLabels", wanted)
        monitors = manifest["kind"] == "ServiceMonitor"
        found = [of(manifests, "Service")["metadata"]["labels"]] if monitors else labels
        if wanted:
            assert any(wanted.items() <= one.items() for one in found), manifest["kind"]


def test_a_service_finds_daemons_and_no_cron_jobs() -> None:
    manifests = render(MOST)
    wanted = of(manifests, "Service")["spec"]["selector"].items()
    assert sum(wanted <= pod["metadata"]["labels"].items() for pod in pods(manifests)) == 1


def test_each_of_several_takes_its_share() -> None:
    stateful = of(render(MOST), "StatefulSet")
    assert stateful["spec"]["replicas"] == 3
    env = {entry["name"]: entry for entry in stateful["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert env["POD_INDEX"]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.labels['apps.kubernetes.io/pod-index']"
    assert env["SWELLD_SHARE"]["value"] == "$(POD_INDEX)/3"
    assert env["SWELLD_STORE__INSTANCE"]["value"] == "$(POD_NAME)"
    order = list(env)
    assert order.index("POD_INDEX") < order.index("SWELLD_SHARE"), "Kubernetes expands what stands before"
    service = of(render(MOST), "Service")
    assert service["metadata"]["name"] == stateful["spec"]["serviceName"]
    assert service["spec"]["clusterIP"] == "None"


def test_a_cron_job_runs_once_and_pushes() -> None:
    job = of(render(MOST), "CronJob")
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    assert job["spec"]["timeZone"] == "Europe/Berlin"
    assert job["spec"]["jobTemplate"]["spec"]["backoffLimit"] == 0
    (pod,) = pods([job])
    assert pod["spec"]["restartPolicy"] == "Never"
    (container,) = pod["spec"]["containers"]
    assert container["args"] == [
        *("run", "--config", "/etc/swelld/swelld.yaml", "--scenario", "sweep"),
        *("--pushgateway", "http://pushgateway.monitoring.svc:9091", "--push-job", "nightly", "--fail-on-slo"),
    ]
    assert "ports" not in container


def test_probes_speak_as_the_server_does() -> None:
    for values, scheme in ((LEAST, "HTTP"), (MOST, "HTTPS")):
        pod = next(pod for pod in pods(render(values)) if "livenessProbe" in pod["spec"]["containers"][0])
        container = pod["spec"]["containers"][0]
        assert container["livenessProbe"]["httpGet"] == {"path": "/-/healthy", "port": "http", "scheme": scheme}
        assert container["readinessProbe"]["httpGet"]["path"] == "/-/ready"
    assert of(render(MOST), "ServiceMonitor")["spec"]["endpoints"][0]["scheme"] == "https"

"""The compose files: valid, pinned, hardened, and without a secret in them."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "compose"
FILES = sorted(COMPOSE.glob("compose*.yaml"))
OVERLAYS = {"": (), "vllm": ("vllm",), "ollama": ("ollama",), "llamacpp": ("llamacpp",), "vllm-gpu": ("vllm", "gpu")}
ONE_SHOT = {"ollama-model"}
WITHOUT_A_CLIENT = {"otel-collector"}
"""There is nothing in the image but the collector, which cannot ask itself."""
ROOT_INSIDE = {"vllm", "ollama", "ollama-model"}
"""Their images keep models in root's home."""
WRITES = {"vllm"}
"""It compiles kernels into its own file system."""

Json = dict[str, Any]


def services(path: Path) -> dict[str, Json]:
    found: dict[str, Json] = yaml.safe_load(path.read_text())["services"]
    return found


def own_services() -> list[tuple[str, Json]]:
    """Those that a file brings, not those that it changes."""
    return [(name, service) for path in FILES for name, service in services(path).items() if "image" in service]


OWN = [pytest.param(name, service, id=name) for name, service in own_services()]


def test_the_files_are_those_that_are_meant() -> None:
    assert [path.name for path in FILES] == [
        "compose.gpu.yaml",
        "compose.llamacpp.yaml",
        "compose.ollama.yaml",
        "compose.vllm.yaml",
        "compose.yaml",
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_file_fits_the_schema_of_the_specification(path: Path) -> None:
    schema = json.loads((ROOT / "tests/testdata/compose-spec/schema.json").read_text())
    validator = jsonschema.Draft7Validator(schema)
    assert [error.message for error in validator.iter_errors(yaml.safe_load(path.read_text()))] == []


def test_the_schema_would_tell() -> None:
    schema = json.loads((ROOT / "tests/testdata/compose-spec/schema.json").read_text())
    wrong = {"services": {"a": {"image": "b", "read_onyl": True}}}
    assert [error.validator for error in jsonschema.Draft7Validator(schema).iter_errors(wrong)] == [
        "additionalProperties"
    ]


def _docker_compose() -> list[str]:
    """Compose 2, as a plugin or alone."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if found := shutil.which(command[0]):
            command[0] = found
            said = subprocess.run([*command, "version", "--short"], capture_output=True, text=True, check=False)
            if said.returncode == 0 and int(said.stdout.lstrip("v").split(".")[0]) >= 2:
                return command
    pytest.skip("Docker Compose 2 is not installed")


@pytest.mark.parametrize("overlays", OVERLAYS.values(), ids=OVERLAYS)
def test_docker_compose_reads_it(overlays: tuple[str, ...]) -> None:
    command = _docker_compose()
    for name in ("", *overlays):
        command += ["-f", str(COMPOSE / (f"compose.{name}.yaml" if name else "compose.yaml"))]
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LLAMACPP_MODEL_FILE": "/model.gguf"}
    done = subprocess.run([*command, "config"], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    found = yaml.safe_load(done.stdout)["services"]
    model_server = overlays[0] if overlays else "simulator"
    config = [v["source"] for v in found["swelld"]["volumes"] if v["target"] == "/etc/swelld/swelld.yaml"]
    assert config == [str(COMPOSE / f"swelld/{model_server}.yaml")]
    assert ("simulator" in found) == (not overlays)
    assert model_server in found
    devices = found["swelld"]["deploy"]["resources"].get("reservations", {}).get("devices")
    assert bool(devices) == ("gpu" in overlays)


@pytest.mark.parametrize(("name", "service"), OWN)
def test_every_image_is_pinned(name: str, service: Json) -> None:
    registry, tag = re.fullmatch(r"([^:@]+):(.+)", service["image"]).groups()  # type: ignore[union-attr]
    if "build" in service:
        assert (registry, tag) == ("swelld", "${SWELLD_VERSION:-local}")
    else:
        assert re.search(r"\d+\.\d+|b\d{4,}", tag), tag
        assert registry.split("/")[0] in ("docker.io", "ghcr.io"), "a short name is what the engine makes of it"


@pytest.mark.parametrize(("name", "service"), OWN)
def test_every_service_is_hardened(name: str, service: Json) -> None:
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("read_only", False) == (name not in WRITES)
    assert service["deploy"]["resources"]["limits"]["memory"]
    assert "privileged" not in service
    assert "network_mode" not in service
    if "build" not in service and name not in ROOT_INSIDE:
        assert int(service["user"].split(":")[0]) > 0
    if name not in WITHOUT_A_CLIENT | ONE_SHOT and name != "swelld":  # that one's is in its image
        assert service["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize(("name", "service"), OWN)
def test_ports_are_open_to_this_machine_only(name: str, service: Json) -> None:
    for port in service.get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\$\{[A-Z]+_PORT:-\d+\}:\d+", port)


@pytest.mark.parametrize(("name", "service"), OWN)
def test_no_variable_holds_a_secret(name: str, service: Json) -> None:
    for variable, value in (service.get("environment") or {}).items():
        if re.search("PASSWORD|SECRET|TOKEN|KEY|URL", variable):
            assert "/run/secrets/" in str(value), variable


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_is_mounted_is_there(path: Path) -> None:
    document = yaml.safe_load(path.read_text())
    for service in document["services"].values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            if source.startswith("."):
                assert (COMPOSE / source).exists(), source
                assert volume.endswith(":ro"), volume
            elif not source.startswith("${"):
                assert source in document["volumes"]


def test_secrets_are_files_that_prepare_makes(stack: Json, tmp_path: Path) -> None:
    script = shutil.copy(COMPOSE / "prepare", tmp_path / "prepare")
    said = subprocess.run([script], capture_output=True, text=True, check=True).stdout
    made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    assert {f"./secrets/{name}" for name in made} == {secret["file"] for secret in stack["secrets"].values()}
    assert len(said.splitlines()) == len(made) == 5
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    assert re.fullmatch(r"swl_[0-9a-f]{48}\n", made["api_token"])
    password = made["postgres_password"].strip()
    assert made["database_url"] == f"postgresql://swelld:{password}@postgres:5432/swelld\n"
    assert len(set(made.values())) == 5
    again = subprocess.run([script], capture_output=True, text=True, check=True).stdout
    assert again == ""
    assert {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()} == made


def test_git_never_sees_them(tool: Callable[[str], str]) -> None:
    command = [tool("git"), "-C", str(ROOT), "check-ignore", "compose/secrets/api_token", "compose/.env"]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said.stdout.split() == ["compose/secrets/api_token", "compose/.env"]

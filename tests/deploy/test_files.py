"""The files of deploy/ say what Almanac, Prefect and the images understand, and hold no secret."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.settings import ENV_PREFIX, Settings, load_settings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
PROJECT = yaml.safe_load((ROOT / "prefect.yaml").read_text())
VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])((?:[^${}]|\$\{[^{}]*\})*))?\}")
SECRET = re.compile(r"PASSWORD|SECRET|_KEY|TOKEN|AUTH|ADDRESS$")
UI_API = "PREFECT_SERVER_UI_API_URL"
NOT_SECRET = {"SERVER_ADDRESS", "SITE_ADDRESS", "POSTGRES_PASSWORD_FILE"}


def manifests() -> list[dict[str, Any]]:
    files = sorted(KUBERNETES.glob("*.yaml"))
    return [one for file in files for one in yaml.safe_load_all(file.read_text())]


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    for one in manifests():
        if one["kind"] in ("Deployment", "Job"):
            yield one["metadata"]["name"], one["spec"]["template"]["spec"]


def example(file: Path) -> dict[str, str]:
    """The variables of an example; also those that stand there with their default."""
    lines = re.findall(r"^(?:# )?([A-Z_]+)=(.*)$", file.read_text(), re.MULTILINE)
    return {name: value.strip("'") for name, value in lines}


def kubernetes_environment() -> Iterator[tuple[str, dict[str, Any]]]:
    for _, pod in pods():
        for container in pod["containers"]:
            for variable in container["env"]:
                yield variable["name"], variable


def environments() -> set[str]:
    found = {name for service in SERVICES.values() for name in service.get("environment", {})}
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    return (
        found
        | {name for name, _ in kubernetes_environment()}
        | set(re.findall(r"\b((?:PREFECT|ALMANAC)_\w+)=", dockerfile))
    )


def test_every_variable_of_prefect_is_one() -> None:
    from prefect.settings import Settings as PrefectSettings
    from prefect.settings.legacy import _get_settings_fields

    named = {name for name in environments() if name.startswith("PREFECT_")}
    assert len(named) > 10
    assert named - set(_get_settings_fields(PrefectSettings)) == set()


def test_every_variable_of_almanac_is_one() -> None:
    named = {name for name in environments() if name.startswith(ENV_PREFIX)}
    assert named == {"ALMANAC_CONFIG", "ALMANAC_ALARMS__ADDRESS"}
    assert "address" in type(Settings().alarms).model_fields


@pytest.mark.parametrize("folder", [DEPLOY, KUBERNETES], ids=["compose", "kubernetes"])
def test_the_configuration_is_understood_and_on_object_storage(folder: Path) -> None:
    settings = load_settings(folder / "almanac.toml")
    assert settings.lakehouse == "s3://almanac/lakehouse"
    assert set(settings.sources) == {"documents"}
    assert not any(SECRET.search(name) for name in settings.storage_options)


def test_images_are_pinned() -> None:
    kustomization = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())
    images = [service["image"] for service in SERVICES.values()]
    images += [f"{one['newName']}:{one['newTag']}" for one in kustomization["images"]]
    images += re.findall(r"^FROM (\S+)$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    assert len(images) == 8
    assert [one for one in images if not re.search(r":\d[\w.-]*$", one)] == []


def test_only_the_proxy_is_published_and_on_loopback() -> None:
    published = {name: one["ports"] for name, one in SERVICES.items() if "ports" in one}
    assert {name: [default(port) for port in ports] for name, ports in published.items()} == {
        "proxy": ["127.0.0.1:8080:8080"]
    }
    assert "basicauth" in (DEPLOY / "Caddyfile").read_text()
    assert {one["spec"]["type"] for one in manifests() if one["kind"] == "Service"} == {"ClusterIP"}


def test_no_secret_stands_in_a_file() -> None:
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if SECRET.search(variable) and variable not in NOT_SECRET:
                assert VARIABLE.fullmatch(str(value)), (name, variable)
    for name, variable in kubernetes_environment():
        if SECRET.search(name):
            assert variable["valueFrom"]["secretKeyRef"]["name"] == "almanac", name
    for file in (DEPLOY / ".env.example", KUBERNETES / "secrets.env.example"):
        for name, value in example(file).items():
            assert not value or not SECRET.search(name) or name in NOT_SECRET, (file, name)


def test_secrets_are_kept_out_of_version_control_and_of_the_image() -> None:
    for secret in ("deploy/.env", "deploy/kubernetes/secrets.env"):
        ignored = subprocess.run(["git", "check-ignore", "-q", secret], cwd=ROOT, check=False)
        assert ignored.returncode == 0, secret
    ignore = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    assert "*" in ignore and not any(line.startswith("!deploy/.env") for line in ignore)


def test_every_variable_of_the_compose_file_is_in_its_example() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    used = {found[1]: found for found in VARIABLE.finditer(text)}
    used |= {found[1]: found for one in used.values() for found in VARIABLE.finditer(one[3] or "")}
    known = example(DEPLOY / ".env.example")
    assert used.keys() == known.keys()
    for name, found in used.items():
        if found[2] == "-" and found[3]:
            assert known[name] == default(found[3]), name


def default(text: str) -> str:
    """What it says where no variable is set."""
    return VARIABLE.sub(lambda found: default(found[3]), text)


def test_the_page_asks_the_host_that_it_is_from() -> None:
    """Whichever port, tunnel or name it was reached by."""
    told = [variable["value"] for name, variable in kubernetes_environment() if name == UI_API]
    assert [SERVICES["server"]["environment"][UI_API], *told] == ["/api", "/api"]


def test_the_parts_of_the_compose_file_fit_together() -> None:
    known = {
        "image",
        "build",
        "init",
        "restart",
        "cap_drop",
        "security_opt",
        "networks",
        "command",
        "environment",
        "volumes",
        "configs",
        "depends_on",
        "healthcheck",
        "ports",
        "shm_size",
        "stop_signal",
        "stop_grace_period",
    }
    for name, service in SERVICES.items():
        assert service.keys() <= known, name
        for other, how in service.get("depends_on", {}).items():
            needs_check = how["condition"] == "service_healthy"
            assert not needs_check or "healthcheck" in SERVICES[other], (name, other)
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert source in COMPOSE["volumes"] or source.startswith(("$", ".")), volume
        for config in service.get("configs", []):
            assert (DEPLOY / COMPOSE["configs"][config["source"]]["file"]).is_file()
    assert SERVICES["worker"]["depends_on"]["deploy"]["condition"] == (
        "service_completed_successfully"
    )


def commands() -> list[list[str]]:
    """What containers of our own image run, a line of a shell taken apart."""
    found = [SERVICES[name]["command"] for name in ("server", "deploy", "worker")]
    found += [container["command"] for _, pod in pods() for container in pod["containers"]]
    return [
        shlex.split(part)
        for command in found
        for part in (command[2].split("&&") if command[:2] == ["sh", "-c"] else [" ".join(command)])
    ]


def test_every_command_exists() -> None:
    from almanac.cli.app import main

    pools = {one["work_pool"]["name"] for one in PROJECT["deployments"]}
    for program, *arguments in commands():
        if program == "almanac":
            assert arguments[0] in main.commands
        elif program == "python":
            assert (ROOT / arguments[0]).is_file()
        else:
            assert program == "prefect"
            assert arguments[:2] in (["server", "start"], ["worker", "start"])
        if "--pool" in arguments:
            assert arguments[arguments.index("--pool") + 1] in pools


def test_the_image_holds_what_runs() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    copied = {
        source.rstrip("/")
        for line in re.findall(r"^COPY (.+) \S+$", dockerfile, re.MULTILINE)
        for source in line.split()
    }
    assert [one for one in copied if not (ROOT / one).exists()] == []
    let_in = {
        line[1:]
        for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    assert copied == let_in
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    rooms -= {"tests", "benchmarks", "testing"}
    assert rooms | {"prefect.yaml"} <= copied
    assert re.findall(r"^USER (\S+)$", dockerfile, re.MULTILINE) == ["almanac"]


def test_pods_run_without_rights_and_find_their_secrets() -> None:
    known = example(KUBERNETES / "secrets.env.example").keys()
    for name, pod in pods():
        assert pod["securityContext"]["runAsNonRoot"], name
        for container in pod["containers"]:
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert not container["securityContext"]["allowPrivilegeEscalation"]
            assert "limits" in container["resources"]
    for name, variable in kubernetes_environment():
        if "valueFrom" in variable:
            assert variable["valueFrom"]["secretKeyRef"]["key"] == name
            assert name in known


def test_selectors_find_their_pods() -> None:
    labels = {
        name: one["spec"]["template"]["metadata"]["labels"]
        for one in manifests()
        if one["kind"] in ("Deployment", "Job")
        for name in [one["metadata"]["name"]]
    }
    for one in manifests():
        if one["kind"] == "Deployment":
            assert one["spec"]["selector"]["matchLabels"] == labels[one["metadata"]["name"]]
        if one["kind"] == "Service":
            assert one["spec"]["selector"] == labels[one["metadata"]["name"]]


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_kustomize_builds_it() -> None:
    built = subprocess.run(
        ["kubectl", "kustomize", str(KUBERNETES)], capture_output=True, text=True, check=True
    )
    kinds = sorted(one["kind"] for one in yaml.safe_load_all(built.stdout))
    assert kinds == [
        "ConfigMap",
        "Deployment",
        "Deployment",
        "Job",
        "NetworkPolicy",
        "PersistentVolumeClaim",
        "Service",
    ]
    assert "registry.example.com/almanac:0.1.0" in built.stdout

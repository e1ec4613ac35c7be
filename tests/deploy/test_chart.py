"""The Helm chart gives what the kustomize files give, and more where it is asked to.

What needs helm is left out where there is none; `python benchmarks/reliability/chart.py` runs
helm's own checks, and Kubernetes' schemas over several versions.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from almanac.serving.keys import Keys
from schemas.settings import Settings
from tests.deploy.test_files import manifests

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy" / "helm"
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
HELM = os.environ.get("HELM") or shutil.which("helm")
OURS = {"app.kubernetes.io/name": "almanac"}
needs_helm = pytest.mark.skipif(HELM is None, reason="helm is not installed, and HELM names none")


def rendered(values: str = "default") -> dict[tuple[str, str], dict[str, Any]]:
    """The objects by kind and name."""
    command = [str(HELM), "template", "almanac", str(CHART), "-f", str(CHART / f"ci/{values}.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = [one for one in yaml.safe_load_all(done.stdout) if one]
    return {(one["kind"], one["metadata"]["name"]): one for one in found}


def comparable(value: Any) -> Any:
    """Without what only one of the two says: image, the chart's label and checksum, order."""
    if isinstance(value, dict):
        kept = {
            key: comparable(one)
            for key, one in value.items()
            if key not in ("image", "imagePullPolicy", "annotations")
        }
        return {key: one for key, one in kept.items() if OURS.get(key) != one}
    if isinstance(value, list):
        return sorted((comparable(one) for one in value), key=str)
    return value


@needs_helm
def test_it_gives_what_kustomize_gives() -> None:
    chart = rendered()
    expected = {
        (one["kind"], one["metadata"]["name"]): one for one in manifests() if "metadata" in one
    }
    assert chart.keys() - expected.keys() == {("ConfigMap", "almanac")}
    assert expected.keys() <= chart.keys()
    policy = chart[("NetworkPolicy", "server")]["spec"]["ingress"][0]["from"][0]["podSelector"]
    policy["matchExpressions"][0]["values"].remove("worker-gpu")  # which may come, too
    for name, wanted in expected.items():
        assert comparable(chart[name]["spec"]) == comparable(wanted["spec"]), name


@needs_helm
@pytest.mark.parametrize("values", ["serving", "autoscaling", "trial", "gpu"])
def test_every_pod_runs_without_rights_and_is_selected(values: str) -> None:
    found = rendered(values)
    for (kind, name), one in found.items():
        if kind not in ("Deployment", "StatefulSet", "Job"):
            continue
        pod = one["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] and not pod["automountServiceAccountToken"]
        for container in pod["containers"]:
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}, name
            assert "limits" in container["resources"]
        if kind != "Job":
            labels = one["spec"]["template"]["metadata"]["labels"]
            assert one["spec"]["selector"]["matchLabels"] == labels


@needs_helm
def test_each_values_file_adds_what_it_asks_for() -> None:
    default = rendered().keys()
    assert rendered("gpu").keys() - default == {("Deployment", "worker-gpu")}
    serving = {
        ("StatefulSet", "serving"),
        ("Service", "serving"),
        ("PodDisruptionBudget", "serving"),
        ("NetworkPolicy", "serving"),
    }
    assert rendered("serving").keys() - default == serving
    assert rendered("autoscaling").keys() - default == serving | {
        ("HorizontalPodAutoscaler", "serving"),
        ("PrometheusRule", "almanac"),
    }
    trial = rendered("trial")
    assert trial.keys() - default == {
        ("StatefulSet", "database"),
        ("Service", "database"),
        ("NetworkPolicy", "database"),
        ("Secret", "almanac"),
    }
    server = trial[("Deployment", "server")]["spec"]["template"]["spec"]["containers"][0]
    assert {"name": "PREFECT_SERVER_DATABASE_HOST", "value": "database"} in server["env"]


def test_its_configuration_is_that_of_the_kustomize_files() -> None:
    file = (ROOT / "deploy/kubernetes/almanac.toml").read_text()
    assert tomllib.loads(VALUES["config"]) == tomllib.loads(file)


def test_probes_and_verbs_of_serving_exist() -> None:
    text = (CHART / "templates/serving.yaml").read_text()
    routes = (ROOT / "almanac/serving/app.py").read_text()
    assert set(re.findall(r"path: (/\w+)", text)) == {"/readyz", "/healthz"}
    assert all(f'@app.get("{path}"' in routes for path in ("/readyz", "/healthz"))
    assert "command: [almanac, serve, --host, 0.0.0.0, --port" in text


def test_pods_of_serving_get_their_keys_where_the_server_looks_for_them(tmp_path: Path) -> None:
    text = (CHART / "templates/serving.yaml").read_text()
    journal = re.search(r"ALMANAC_SERVING__JOURNAL, value: (\S+)}", text)
    assert journal is not None
    keys = Keys.of(
        Settings.model_validate({"lakehouse": str(tmp_path), "serving": {"journal": journal[1]}})
    )
    command = re.search(r"command: \[install, -m, \"600\", (\S+), (\S+)\]", text)
    assert command is not None
    assert Path(command[2]) == keys._file
    assert f"mountPath: {Path(command[1]).parent}, readOnly" in text
    assert "secretName: {{ .Values.serving.keys }}" in text and VALUES["serving"]["keys"]

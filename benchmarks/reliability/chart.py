"""Check the Helm chart: helm lint, helm template over its values files, Kubernetes' own schemas.

    HELM=/path/to/helm python benchmarks/reliability/chart.py

Needs helm (in PATH or named by HELM) and `pip install kubernetes-validate`. What has no schema,
such as the Prometheus operator's kinds, is named and not checked.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy" / "helm"
VERSIONS = ("1.31", "1.33", "1.35")
HELM = os.environ.get("HELM", "helm")


def run(*command: str) -> str:
    """What it prints; a failure ends the process with it."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def main() -> None:
    validate = str(Path(sys.executable).with_name("kubernetes-validate"))
    with tempfile.TemporaryDirectory() as folder:
        for values in sorted(CHART.glob("ci/*.yaml")):
            run(HELM, "lint", "--strict", "--quiet", str(CHART), "--values", str(values))
            text = run(HELM, "template", "almanac", str(CHART), "--values", str(values))
            file = Path(folder) / values.name
            file.write_text(text, "utf-8")
            kinds = Counter(one["kind"] for one in yaml.safe_load_all(text) if one)
            unknown = set()
            for version in VERSIONS:
                told = run(validate, "--strict", "--kubernetes-version", version, str(file))
                unknown |= {line for line in told.splitlines() if line.startswith("WARN")}
            print(f"{values.stem}: {sum(kinds.values())} objects, valid for {', '.join(VERSIONS)}")
            for kind, count in sorted(kinds.items()):
                print(f"  {count} {kind}")
            print("".join(f"  {line}\n" for line in sorted(unknown)), end="")


if __name__ == "__main__":
    main()

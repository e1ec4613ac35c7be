"""Alerts and the dashboard ask for figures that a server gives, and alarm when they should."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from almanac.serving.metrics import Metrics
from schemas.feedback import Request

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy/helm/rules.yaml"
TESTS = ROOT / "deploy/helm/rules.test.yaml"
NAME = re.compile(r"\balmanac_\w+")


@pytest.fixture(scope="module")
def figures() -> dict[str, set[str]]:
    """Every series of a server that answered once, with its labels."""
    metrics = Metrics()
    metrics.watch("documents", lambda: 7, lambda: 60, lambda: 0)
    metrics.voted(-1)
    metrics.errors.labels("not_found").inc()
    guard = {
        "decisions": [{"guard": "personal", "action": "mask", "times": 1}],
        "milliseconds": {"question": 1.0},
    }
    request = Request(
        request_id="r",
        user_id="u",
        asked_at=datetime(2026, 3, 1, tzinfo=UTC),
        question="q",
        response="a",
        context=(),
        assistant="documents",
        status="answered",
        latency_ms=10,
        first_token_ms=5,
        cached="q",
        guard=guard,
    )
    metrics.answered(request)
    found: dict[str, set[str]] = {}
    for line in metrics.page().decode().splitlines():
        if series := re.match(r"(\w+)(?:\{(.*)\})? ", line):
            labels = re.findall(r'(\w+)="', series[2] or "")
            found.setdefault(series[1], set()).update(labels)
    return found


def test_alerts_and_dashboard_name_real_figures(figures: dict[str, set[str]]) -> None:
    rules = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
    made = [sys.executable, str(ROOT / "deploy/dashboard.py")]
    board = json.loads(subprocess.run(made, capture_output=True, text=True, check=True).stdout)
    queries = [one["expr"] for one in rules]
    queries += [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    assert len(queries) > 20
    for query in queries:
        for name in NAME.findall(query):
            assert name in figures, query
        labels = {
            one
            for group in re.findall(r"by \(([\w, ]+)\)", query)
            for one in re.split(", ?", group)
        }
        known = set().union(*(figures[name] for name in NAME.findall(query)), {"le"})
        assert labels <= known, query
    shown = " ".join(queries)
    for name in figures:
        base = re.sub(r"_(total|created|bucket|sum|count)$", "", name)
        assert base in shown, f"nothing shows {name}"


def test_the_alert_on_dislikes_asks_for_what_a_server_counts() -> None:
    metrics = Metrics()
    metrics.voted(-1)
    metrics.voted(1)
    page = metrics.page().decode()
    for series in re.findall(r'almanac_votes_total\{rating="\w+"\}', RULES.read_text()):
        assert f"{series} 1.0" in page
    asked = set(re.findall(r'almanac_votes_total\{rating="(.+?)"', TESTS.read_text()))
    assert asked == {"like", "dislike"}


def test_each_alert_has_a_next_step_and_a_test() -> None:
    alerts = [
        one for one in yaml.safe_load(RULES.read_text())["groups"][0]["rules"] if "alert" in one
    ]
    tested = TESTS.read_text()
    for alert in alerts:
        assert alert["annotations"]["action"] and alert["labels"]["severity"] in ("page", "warn")
        cases = [one for one in yaml.safe_load(tested)["tests"] for one in one["alert_rule_test"]]
        fires = [one for one in cases if one["alertname"] == alert["alert"] and one["exp_alerts"]]
        silent = [
            one for one in cases if one["alertname"] == alert["alert"] and not one["exp_alerts"]
        ]
        assert fires and silent, alert["alert"]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_agrees() -> None:
    for command in (["check", "rules", str(RULES)], ["test", "rules", str(TESTS)]):
        done = subprocess.run(["promtool", *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

"""Print the Grafana dashboard of `almanac serve`: `python deploy/dashboard.py > dashboard.json`.

Import it into Grafana 10 or later, and choose a Prometheus that reads /metrics.
"""

from __future__ import annotations

import json
import sys
from typing import Any

_SOURCE = {"type": "prometheus", "uid": "${source}"}
_RATE = "sum by ({by}) (rate({metric}_total[$__rate_interval]))"
_P95 = (
    "histogram_quantile({share}, sum by (le, assistant) (rate({metric}_bucket[$__rate_interval])))"
)
# Title, unit, kind of panel, and its queries with their legends.
PANELS: tuple[tuple[str, str, str, dict[str, str]], ...] = (
    ("Release that answers", "none", "stat", {"{{index}}": "max by (index) (almanac_release)"}),
    (
        "Age of the release",
        "s",
        "stat",
        {"{{index}}": "max by (index) (almanac_release_age_seconds)"},
    ),
    ("Answers under way", "none", "stat", {"answers": "sum(almanac_streams)"}),
    ("Rows in the journal", "none", "stat", {"rows": "sum(almanac_journal_rows)"}),
    (
        "Answers a second",
        "reqps",
        "timeseries",
        {
            "{{assistant}} {{status}}": _RATE.format(
                by="assistant, status", metric="almanac_answers"
            )
        },
    ),
    (
        "First word",
        "s",
        "timeseries",
        {
            "{{assistant}} median": _P95.format(share=0.5, metric="almanac_first_token_seconds"),
            "{{assistant}} 95 %": _P95.format(share=0.95, metric="almanac_first_token_seconds"),
        },
    ),
    (
        "Whole answer",
        "s",
        "timeseries",
        {
            "{{assistant}} median": _P95.format(share=0.5, metric="almanac_answer_seconds"),
            "{{assistant}} 95 %": _P95.format(share=0.95, metric="almanac_answer_seconds"),
        },
    ),
    (
        "Refused or failed requests a second",
        "reqps",
        "timeseries",
        {"{{code}}": _RATE.format(by="code", metric="almanac_errors")},
    ),
    (
        "Tokens a second",
        "none",
        "timeseries",
        {"{{assistant}} {{kind}}": _RATE.format(by="assistant, kind", metric="almanac_tokens")},
    ),
    (
        "Answers given again without a model, a second",
        "reqps",
        "timeseries",
        {"{{assistant}}": _RATE.format(by="assistant", metric="almanac_cached_answers")},
    ),
    (
        "Votes an hour",
        "none",
        "timeseries",
        {"{{rating}}": "sum by (rating) (increase(almanac_votes_total[1h]))"},
    ),
    (
        "Decisions of guards a second",
        "reqps",
        "timeseries",
        {"{{guard}} {{action}}": _RATE.format(by="guard, action", metric="almanac_guards")},
    ),
    (
        "Time of guards, 95 %",
        "ms",
        "timeseries",
        {
            "{{stage}}": "histogram_quantile(0.95, sum by (le, stage) "
            "(rate(almanac_guard_milliseconds_bucket[$__rate_interval])))"
        },
    ),
)


def panel(number: int, title: str, unit: str, kind: str, queries: dict[str, str]) -> dict[str, Any]:
    """A panel at its place: four figures in the first row, then two graphs to a row."""
    if kind == "stat":
        place = {"x": 6 * number, "y": 0, "w": 6, "h": 4}
    else:
        row, column = divmod(number - 4, 2)
        place = {"x": 12 * column, "y": 4 + 8 * row, "w": 12, "h": 8}
    targets = [
        {"refId": chr(65 + index), "expr": query, "legendFormat": legend, "datasource": _SOURCE}
        for index, (legend, query) in enumerate(queries.items())
    ]
    return {
        "id": number + 1,
        "title": title,
        "type": kind,
        "gridPos": place,
        "datasource": _SOURCE,
        "fieldConfig": {"defaults": {"unit": unit}, "overrides": []},
        "targets": targets,
    }


def dashboard() -> dict[str, Any]:
    """As Grafana imports it."""
    source = {"name": "source", "type": "datasource", "query": "prometheus", "label": "Prometheus"}
    return {
        "uid": "almanac",
        "title": "Almanac: answers",
        "schemaVersion": 39,
        "tags": ["almanac"],
        "time": {"from": "now-24h", "to": "now"},
        "refresh": "1m",
        "templating": {"list": [source]},
        "panels": [panel(number, *one) for number, one in enumerate(PANELS)],
    }


if __name__ == "__main__":
    json.dump(dashboard(), sys.stdout, indent=1)
    sys.stdout.write("\n")

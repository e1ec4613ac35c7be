"""What a run leaves in the Prefect UI, also where it stops; and the flow `trace`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId

from lakehouse.runs import FileLog
from schemas.errors import AlmanacError, ConfigError, RunRefused, SourceUnavailable
from tasks import artifacts, nightly_artifacts
from tests.flows.conftest import House

Artifacts = dict[str, Any]


def left_by(run_id: Any) -> Artifacts:
    """The data of each artifact of a flow run, by key."""
    own = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]))
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(artifact_filter=own)
    return {one.key: one.data for one in found if one.key}


def newest_run(name: str) -> Any:
    """The id of the newest run of a flow."""
    from prefect.client.schemas.filters import FlowFilter, FlowFilterName
    from prefect.client.schemas.sorting import FlowRunSort

    with get_client(sync_client=True) as client:
        [run] = client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[name])),
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
            limit=1,
        )
    return run.id


@pytest.fixture
def twelve(house: House) -> House:
    for number in range(12):
        house.put(f"{number}.md", f"# Note {number}\n\nThe text of note number {number}.\n")
    (house.docs / "blank.html").write_text("<p> </p>", encoding="utf-8")
    return house


@pytest.mark.slow
def test_a_night_leaves_its_page_tables_and_picture(twelve: House) -> None:
    twelve.nightly()
    twelve.put("0.md", "# Note 0\n\nAnother text.\n")
    report = twelve.nightly()
    left = left_by(report["run"])
    page = left["nightly-report"]
    assert page.startswith("# Published release 2 as of 2026-03-02T02:00:00Z.")
    assert "| modified | `0.md` | documents |" in page
    assert f"/v2/runs/flow-run/{report['run']})" in page
    assert [row["release"] for row in json.loads(left["releases"])] == [2, 1]
    assert [row["document"] for row in json.loads(left["quarantine"])] == ["blank.html"]
    assert left["nights"].startswith("data:image/png;base64,")
    assert report["changed"] == [{"change": "modified", "source": "documents", "doc_id": "0.md"}]


@pytest.mark.slow
def test_a_refused_night_leaves_a_page_that_says_what_to_do(twelve: House) -> None:
    twelve.nightly()
    for number in range(6):
        (twelve.docs / f"{number}.md").unlink()
    with pytest.raises(RunRefused):
        twelve.nightly()
    left = left_by(newest_run("nightly"))
    assert set(left) == {"nightly-report"}  # and not a second one of the hook
    page = left["nightly-report"]
    assert page.startswith("# Refused: nothing was published\n\n6 of the 12 documents of the last")
    assert "`almanac nightly --accept-losses`" in page
    assert page.count("| deleted | ") == 6


@pytest.mark.slow
def test_a_night_that_published_and_then_failed_says_both(
    twelve: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(FileLog, "record", full)
    monkeypatch.setattr(nightly_artifacts.pictures, "draw", full)
    with pytest.raises(OSError, match="the disk is full"):
        twelve.nightly()
    page = left_by(newest_run("nightly"))["nightly-report"]
    assert page.startswith("# Published release 1; its report failed: the disk is full\n")
    assert "- Release 1 answers" in page
    monkeypatch.undo()
    monkeypatch.setattr(nightly_artifacts.pictures, "draw", full)
    twelve.put("0.md", "# Note 0\n\nAnother text.\n")
    report = twelve.nightly()  # a picture that cannot be drawn stops nothing
    assert (report["release"], report["chunks"]["embedded"]) == (2, 1)
    assert set(left_by(report["run"])) == {"nightly-report", "releases", "quarantine"}
    nights = twelve.lake.runs.records("documents")
    assert [(night.status, night.release) for night in nights] == [
        ("published", 2),
        ("published", 1),
    ]


@pytest.mark.slow
def test_a_night_that_stops_while_it_reads_keeps_the_validations_it_made(twelve: House) -> None:
    twelve.configure(
        '[sources.nowhere]\nuri = "nowhere"\n[expectations]\ndata_docs = true\n'
        'data_docs_url = "https://docs.example/almanac"\n'
    )
    with pytest.raises(SourceUnavailable):
        twelve.nightly()
    assert "Data Docs of documents" in left_by(newest_run("nightly"))["nightly-report"]
    [row] = twelve.lake.runs.rows()
    assert json.loads(row["report"])["data_docs"] == {
        "documents": "https://docs.example/almanac/documents.html"
    }
    assert row["run_id"] in twelve.lake.get_file("data_docs/documents.html").decode()
    twelve.configure('[expectations]\ndata_docs = true\ndata_docs_url = "https://docs.example"\n')
    report = twelve.nightly()
    assert left_by(report["run"])["data-docs"] == (
        "[Data Docs of documents](https://docs.example/documents.html)"
    )


@pytest.mark.slow
def test_golden_questions_are_asked_every_night(twelve: House) -> None:
    (twelve.config.parent / "golden.jsonl").write_text(
        json.dumps({"id": "q1", "text": "the text of note number 7", "relevant": ["7.md"]})
        + "\n"
        + json.dumps({"id": "q2", "text": "note", "relevant": ["unknown.md"]})
        + "\n",
        encoding="utf-8",
    )
    twelve.configure('[upgrade]\nquestions = "golden.jsonl"\n[expectations]\ndata_docs = true\n')
    report = twelve.nightly()
    assert report["recall"] == {"k": 10, "questions": 1, "mean": 1.0}
    stored = json.loads(twelve.lake.runs.rows()[0]["report"])
    assert (stored["recall"], stored["status"]) == (report["recall"], "published")
    assert (
        "| recall@10 | 1.0000 on 1 golden questions |" in (left_by(report["run"])["nightly-report"])
    )
    docs = twelve.lake.get_file("data_docs/documents.html").decode()
    assert "documents" in docs and "content networks" in docs
    assert "note number" not in docs and "7.md" not in docs
    from almanac.releases.doctor import doctor

    assert doctor(twelve.lake, "documents")["ok"]


def test_a_run_that_never_began_its_work_leaves_a_page_too(prefect_api: None) -> None:
    from flows.nightly import nightly
    from flows.trace import trace

    with pytest.raises(ConfigError):
        nightly(config="nowhere.toml")
    page = left_by(newest_run("nightly"))["what-next"]
    assert page.startswith("# The nightly run stopped\n\nthe configuration nowhere.toml does not")
    assert "## What to do next" in page and "docs/configuration.md" in page
    with pytest.raises(Exception, match="should have at least 1 character"):
        trace(id="")
    assert "should have at least 1 character" in left_by(newest_run("trace"))["what-next"]


def test_a_run_that_fails_after_it_left_a_page_explains_itself(prefect_api: None) -> None:
    @flow(name="half", on_failure=[artifacts.explain])
    def half(key: str) -> None:
        artifacts.page(key, "# So far\n", "Half of it")
        raise OSError("the disk is full")

    for key, others in (("triage-report", {"what-next"}), ("verify-report", set())):
        with pytest.raises(OSError, match="the disk is full"):
            half(key)
        left = left_by(newest_run("half"))
        assert set(left) == {key} | others
    with pytest.raises(OSError, match="the disk is full"):
        half("dataset-card")
    page = left_by(newest_run("half"))["what-next"]
    assert page.startswith("# The half run stopped\n\nthe disk is full\n")
    assert "traceback" in page and "published" not in page and "doctor" not in page


def test_what_cannot_be_shown_stops_no_run(
    prefect_api: None, caplog: pytest.LogCaptureFixture
) -> None:
    @flow(name="shy")
    def shy() -> str:
        with artifacts.best_effort("The page"):
            artifacts.page("No Key", "# Title\n", "Page")  # Prefect refuses such a key
        return "done"

    assert shy() == "done"
    assert "The page cannot be shown: " in caplog.text


def test_a_run_below_another_links_to_no_form(
    prefect_api: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Also below a deployed run the deployment is that of the run above: so it is here.
    monkeypatch.setenv("PREFECT__RUNTIME__DEPLOYMENT__ID", "4c5ce0c2-6d0b-4f1c-93ac-b04f0d0a23ba")

    @flow(name="below")
    def below() -> str:
        return artifacts.form("again", {})

    @flow(name="above")
    def above() -> tuple[str, str]:
        return artifacts.form("again", {}), below()

    own, from_below = above()
    assert "/v2/deployments/deployment/4c5ce0c2" in own
    assert from_below == ""


def test_the_flow_trace_leaves_its_page_and_table(house: House) -> None:
    from flows.trace import trace

    with pytest.raises(AlmanacError, match="nothing here is named 'r1'"):
        trace(id="r1", config=str(house.config))
    at = datetime(2026, 3, 1, tzinfo=UTC)
    house.lake.runs.append("run-1", at, at, at, "failed", {})
    result = trace(id="run-1", config=str(house.config))
    assert result["facts"]["recorded"][0]["status"] == "failed"
    left = left_by(newest_run("trace"))
    assert left["trace"].startswith("# Trace of run run-1\n\nversions of documents 0 → releases 0")
    assert json.loads(left["trace-chain"]) == []


def test_what_is_too_large_for_an_event_is_cut_and_says_so(prefect_api: None) -> None:
    @flow(name="large")
    def large() -> None:
        artifacts.page("page", "# Title\n\n" + "a line\n" * 400_000, "Page")
        rows = [
            {
                "n": np.int64(at),
                "at": datetime(2026, 3, 1, tzinfo=UTC),
                "x": float("nan"),
                "list": ["a"],
                "text": "é" * 9_000,
            }
            for at in range(2_000)
        ]
        artifacts.table("table", rows, "Rows", "almanac history")
        artifacts.picture("picture", b"\x89PNG" * 500_000, "Picture")

    large()
    left = left_by(newest_run("large"))
    assert set(left) == {"page", "table"}
    assert len(left["page"]) < 1_001_000
    assert "This page was cut: the first 999,99" in left["page"]
    shown = json.loads(left["table"])
    assert 80 <= len(shown) < 1_000 and len(left["table"]) < 1_100_000
    assert (shown[0]["at"], shown[0]["x"], shown[0]["list"]) == (
        "2026-03-01T00:00:00Z",
        None,
        '["a"]',
    )
    assert len(shown[0]["text"]) == 2_000

"""One id, followed through a real lakehouse in both directions."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner

from almanac.cli.app import main
from almanac.core.markdown import link
from almanac.lineage.follow import SECTIONS, trace
from almanac.lineage.page import trace_command, trace_page, trace_rows
from lakehouse.delta import DeltaLog
from schemas.errors import AlmanacError
from tests.lineage.conftest import ADAPTER, Traced

FAULT = {
    "documents": ["printer.md"],
    "releases": [2],
    "requests": ["fault"],
    "verdicts": ["model_fault"],
    "datasets": [1],
    "adapters": ["staging", "candidate"],
}
NAMES = {
    "documents": "doc_id",
    "releases": "release",
    "requests": "request",
    "verdicts": "cause",
    "datasets": "train",
    "adapters": "step",
}


def seen(result: dict[str, Any]) -> dict[str, list[Any]]:
    """Of each section what names its rows."""
    return {
        name: [row[key] for row in result["chain"][name]["rows"]] for name, key in NAMES.items()
    }


def chunk_of(traced: Traced, name: str) -> str:
    return traced.feedback.passages(2, name)[0].chunk_id


def test_a_document_leads_down_to_the_adapter_it_taught(traced: Traced) -> None:
    result = trace(traced.settings, "printer.md")
    assert (result["kind"], result["facts"]) == (
        "document",
        {"source": "documents", "title": "Printer"},
    )
    assert seen(result) == {
        "documents": ["printer.md"],
        "releases": [3, 2, 1],
        "requests": ["bare", "fault", "missed", "missing"],
        "verdicts": ["not_judged", "model_fault", "retrieval_missed", "source_missing"],
        "datasets": [1],
        "adapters": ["staging", "candidate"],
    }
    [version] = result["chain"]["documents"]["rows"]
    assert (version["change"], version["release"], version["run"]) == (
        "added",
        1,
        "night-2026-03-01",
    )


def test_each_version_of_a_document_names_the_release_that_first_held_it(traced: Traced) -> None:
    rows = trace(traced.settings, "backup.md")["chain"]["documents"]["rows"]
    assert [(row["change"], row["snapshot"], row["release"]) for row in rows] == [
        ("modified", 3, 3),
        ("added", 1, 1),
    ]
    gone = trace(traced.settings, "parking.md")["chain"]
    assert [row["change"] for row in gone["documents"]["rows"]] == ["deleted", "added"]
    assert [row["release"] for row in gone["releases"]["rows"]] == [1]


def test_a_request_leads_both_ways(traced: Traced) -> None:
    result = trace(traced.settings, "fault")
    assert seen(result) == FAULT
    assert result["facts"]["votes"] == "disliked by u1"
    approved, offered = result["chain"]["adapters"]["rows"]
    assert (approved["who"], approved["reason"], approved["run"], approved["trained_on"]) == (
        "ada",
        "read it",
        "run-of-approval",
        1,
    )
    assert offered["at"] == "2026-03-04T05:00:00Z"


def test_an_example_leads_where_its_request_does(traced: Traced) -> None:
    [example] = trace(traced.settings, "fault")["chain"]["examples"]["rows"]
    assert seen(trace(traced.settings, example["example"][:10])) == FAULT


@pytest.mark.parametrize("kind", ["dataset", "adapter", "run"])
def test_a_dataset_and_its_adapter_lead_up_to_the_documents(traced: Traced, kind: str) -> None:
    name = {"dataset": traced.dataset[:8], "adapter": ADAPTER[:8], "run": "run-of-tune"}[kind]
    result = trace(traced.settings, name)
    assert result["kind"] == kind
    assert seen(result) == FAULT | {
        "requests": ["elsewhere-fault", "fault"],
        "verdicts": ["model_fault", "model_fault"],
        "datasets": [2],
    }


def test_a_chunk_leads_to_who_was_shown_it(traced: Traced) -> None:
    result = trace(traced.settings, chunk_of(traced, "backup"))
    assert seen(result) == {
        "documents": ["backup.md"],
        "releases": [2, 1],
        "requests": ["stale"],
        "verdicts": ["source_stale"],
        "datasets": [0],
        "adapters": ["staging", "candidate"],
    }
    assert result["chain"]["datasets"]["rows"][0]["left_out"] == {"source_stale": 1}
    assert trace(traced.settings, "app-7")["facts"] == {
        "document": "none here: the application's own id of a passage"
    }


def test_a_release_shows_what_changed_and_what_was_answered_from_it(traced: Traced) -> None:
    result = trace(traced.settings, "r2")
    chain = result["chain"]
    assert [(row["doc_id"], row["change"]) for row in chain["documents"]["rows"]] == [
        ("parking.md", "deleted")
    ]
    assert seen(result)["requests"] == [
        "bare",
        "differ",
        "fault",
        "missed",
        "missing",
        "right",
        "stale",
    ]
    assert chain["verdicts"]["causes"]["model_fault"] == 1
    first = trace(traced.settings, "1", limit=4)["chain"]["documents"]
    assert (first["total"], len(first["rows"])) == (11, 4)


def test_a_run_leads_to_what_it_made(traced: Traced) -> None:
    night = trace(traced.settings, "night-2026-03-02")
    assert (night["kind"], seen(night)["releases"]) == ("run", [2])
    triage = trace(traced.settings, "run-of-triage")
    assert triage["facts"]["recorded"][0]["status"] == "done"
    assert triage["chain"]["verdicts"]["total"] == 9


def test_what_is_unknown_or_ambiguous_is_refused_with_what_it_may_be(traced: Traced) -> None:
    with pytest.raises(AlmanacError, match=r"nothing here is named 'r9': trace takes the id"):
        trace(traced.settings, "r9")
    with pytest.raises(AlmanacError, match="nothing here is named"):
        trace(traced.settings, "  ")
    with pytest.raises(AlmanacError, match="nothing here is named"):
        trace(traced.settings, ADAPTER[:3])  # so few digits name nothing


def test_a_name_of_several_things_is_refused_until_its_kind_is_said(
    traced: Traced, tmp_path: Any
) -> None:
    house = traced.feedback.house.copied_to(tmp_path / "twice")
    request = house.lake.requests.rows(["fault"])[0]
    house.lake.requests.append([replace(request, request_id="2")])
    with pytest.raises(AlmanacError, match=r"'2' may be any of release:2, request:2: trace one"):
        trace(house.settings, "2")
    assert trace(house.settings, "release:2")["kind"] == "release"
    assert seen(trace(house.settings, "request:2"))["requests"] == ["2"]


def test_the_command_prints_the_chain_and_bounds_it(traced: Traced) -> None:
    lake = str(traced.settings.lakehouse)
    shown = CliRunner().invoke(main, ["trace", "r2", "--limit", "2", "--lakehouse", lake])
    assert shown.exit_code == 0, shown.output
    assert "requests: 7" in shown.output and "and 5 more: --limit 7" in shown.output
    plain = CliRunner().invoke(main, ["trace", "fault", "--json", "--lakehouse", lake])
    assert seen(json.loads(plain.stdout)) == FAULT
    lost = CliRunner().invoke(main, ["trace", "nope", "--lakehouse", lake])
    assert lost.exit_code == 1 and "nothing here is named 'nope'" in lost.output


def test_the_page_links_to_runs_and_says_how_much_of_it_is_there(traced: Traced) -> None:
    result = trace(traced.settings, "r2", limit=2)
    page = trace_page(result, lambda run: link(f"https://ui/run/{run}", run))
    assert page.startswith(
        "# Trace of release 2\n\nversions of documents 1 → releases 1 → answers 7"
    )
    assert "[night-2026-03-02](https://ui/run/night-2026-03-02)" in page
    assert "The first 2 of 7; all of them: `almanac trace release:2 --limit 7`." in page
    assert trace_command(result) == "almanac trace release:2 --limit 7"
    rows = list(trace_rows(result, lambda run: None))
    assert {row["what"] for row in rows} == set(SECTIONS)
    assert tuple(rows[0].values()) == (
        "documents",
        "parking.md",
        "deleted",
        "2026-03-02T02:00:00Z",
        "",
        "night-2026-03-02",
    )


def test_the_command_for_all_rows_names_the_same_thing_and_no_other(
    traced: Traced, tmp_path: Any
) -> None:
    result = trace(traced.settings, "printer.md", limit=1)
    assert result["spelled"] == "document:documents:printer.md"
    assert trace(traced.settings, result["spelled"], 1)["chain"] == result["chain"]
    name = "document:docs:My a`![x](http://h/p.png)`$(touch x).md"
    command = f"almanac trace '{name}' --limit 4"
    assert f"The first 1 of 4; all of them: `` {command} ``." in trace_page(
        result | {"spelled": name, "id": name.split(":", 2)[2]}
    )
    assert shlex.split(command)[2] == name

    house = traced.feedback.house.copied_to(tmp_path / "twice")
    changes = house.lake.delta("document_changes")
    sql = (
        "SELECT * REPLACE ('other' AS source, 'documents:printer.md' AS doc_id) FROM log "
        "WHERE doc_id = 'printer.md'"
    )
    changes.append(changes.query(sql).cast(changes.schema))
    with pytest.raises(AlmanacError, match=r"may be any of document:other:documents:printer.md, "):
        trace(house.settings, "documents:printer.md")
    assert trace(house.settings, result["spelled"])["id"] == "printer.md"


@pytest.mark.parametrize("kind", ["chunk", "document", "request", "run", "adapter"])
def test_nothing_is_asked_twice(traced: Traced, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = {
        "chunk": traced.feedback.passages(1, "parking")[0].chunk_id,
        "document": "printer.md",
        "request": "fault",
        "run": "run-of-triage",
        "adapter": ADAPTER[:8],
    }[kind]
    asked: list[tuple[Any, ...]] = []
    for name in ("query", "stream"):
        ask = getattr(DeltaLog, name)

        def noted(log: DeltaLog, sql: str, ask: Any = ask, **tables: Any) -> Any:
            ids = [(key, str(one)) for key, one in tables.items() if isinstance(one, pa.Table)]
            asked.append((log.name, sql, *ids))
            return ask(log, sql, **tables)

        monkeypatch.setattr(DeltaLog, name, noted)

    assert trace(traced.settings, text)["kind"] == kind
    assert [one for one in asked if asked.count(one) > 1] == []

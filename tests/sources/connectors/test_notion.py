"""Notion against a local server with the shapes of its API."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from almanac.sources.notion_blocks import properties_of
from almanac.sources.reading import list_source, read_files
from schemas.errors import SourceUnavailable
from schemas.settings import SourceSettings
from testing.services.notion import EARLY, Notion, block, text
from testing.services.server import serving
from tests.sources.connectors.nights import Nights


@pytest.fixture
def notion(monkeypatch: pytest.MonkeyPatch) -> Iterator[Notion]:
    monkeypatch.setenv("NOTION_TOKEN", "secret")
    made = Notion()
    made.page("home", "Home", [block("paragraph", "Welcome to the workspace.")])
    made.page("old", "Old", [block("paragraph", "Past.")], archived=True)
    made.page("bin", "Bin", [block("paragraph", "Gone.")], in_trash=True)
    made.database("tasks", "Tasks")
    row = {"type": "database_id", "database_id": "tasks"}
    status = {"State": {"type": "status", "status": {"name": "Done"}}}
    made.page("row", "Ship it", [], parent=row, properties=status)
    made.page("unseen", "Not in the search", [block("paragraph", "Still a row.")], parent=row)
    made.hidden = {"unseen"}
    with serving(made):
        yield made


def _given(notion: Notion, **more: Any) -> dict[str, Any]:
    fast = {"per_second": 1000, "retry_seconds": 0.01}
    return {"uri": notion.address, "kind": "notion"} | fast | more


def _listed(notion: Notion, **more: Any) -> dict[str, str | None]:
    listing = list_source(SourceSettings.model_validate(_given(notion, **more)))
    return {file.path: file.stamp for file in listing.files}


def test_pages_and_rows_are_followed(notion: Notion, tmp_path: Path) -> None:
    nights = Nights(tmp_path, **_given(notion))
    assert nights.read() == ["home", "row", "unseen"]
    assert nights.texts["row"] == "# Ship it\n\n- State: Done"
    assert nights.stored["home"].title == "Home"
    assert nights.stored["home"].uri == "https://notion.example/home"
    assert nights.read() == []
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:00.000Z")
    notion.page("home", "Home", [block("paragraph", "Welcome back to it.")], edited=now)
    assert nights.read() == ["home"]
    del notion.pages["unseen"]
    assert nights.read() == ["home"]  # a later edit of that minute would have the same time
    assert nights.texts == {
        "home": "# Home\n\nWelcome back to it.",
        "row": "# Ship it\n\n- State: Done",
    }


def test_rate_limits_lists_and_roots(notion: Notion) -> None:
    notion.refuse = 3
    inner = block("toggle", "More", [block("child_page", title="Inner", id="inner")])
    notion.page("home", "Home", [inner])
    toggle = {"type": "block_id", "block_id": "home-0"}
    notion.page("inner", "Inner", [], parent=toggle)
    assert set(_listed(notion)) == {"home", "inner", "row", "unseen"}
    assert set(_listed(notion, roots=["home"])) == {"home", "inner"}
    assert set(_listed(notion, roots=["tasks"])) == {"row", "unseen"}
    with pytest.raises(SourceUnavailable, match=r"elsewhere .roots. is not there"):
        _listed(notion, roots=["elsewhere"])


def test_a_list_that_changes_breaks_off_or_is_empty(notion: Notion) -> None:
    def grow(path: str) -> None:
        notion.page(f"new{len(notion.pages)}", "New", [])

    def hide_once(path: str) -> None:
        notion.hidden = {"unseen"}

    notion.hidden |= {"home"}
    notion.on_list = hide_once  # the index of the search lags behind
    assert set(_listed(notion)) == {"home", "row", "unseen"}
    notion.on_list = grow
    with pytest.raises(SourceUnavailable, match="changed during each of 4 passes"):
        _listed(notion)
    notion.on_list = lambda path: setattr(notion, "token", "another")
    with pytest.raises(SourceUnavailable, match="HTTP 401"):
        _listed(notion)
    notion.token, notion.on_list = "secret", lambda path: None
    notion.pages = {}
    with pytest.raises(SourceUnavailable, match="sees no page"):
        _listed(notion)


def test_blocks_as_markdown(notion: Notion) -> None:
    cells = [[[text("A")], [text("B|C")]], [[text("1")], [text("2", bold=True)]]]
    rows = [{"type": "table_row", "table_row": {"cells": row}} for row in cells]
    notion.page(
        "home",
        "All kinds",
        [
            block("heading_1", "Begin"),
            block("paragraph", "", rich_text=[text("Say "), text("this", code=True), text(" now")]),
            block("bulleted_list_item", "One", [block("bulleted_list_item", "Below")]),
            block("bulleted_list_item", "Two"),
            block("numbered_list_item", "First"),
            block("numbered_list_item", "Second"),
            block("to_do", "Pay", checked=True),
            block("quote", "Said so"),
            block("code", "x = 1\ny = 2", language="python"),
            block("equation", expression="a^2"),
            block("table", below=rows, has_column_header=True),
            block("column_list", below=[block("column", below=[block("paragraph", "Left")])]),
            block("synced_block", synced_from={"block_id": "home-2"}),
            block("image", type="external"),
            block("image", caption=[text("A map")]),
            block("bookmark", url="https://e.org"),
            block("unsupported"),
            block("divider"),
        ],
    )
    settings = SourceSettings.model_validate(_given(notion))
    files = [file for file in list_source(settings).files if file.path == "home"]
    (reading,) = read_files(settings, files)
    body = """# All kinds

# Begin

Say `this` now

- One
  - Below
- Two

1. First
2. Second

- ☒ Pay

> Said so

```python
x = 1
y = 2
```

$$
a^2
$$

| A | B\\|C |
| --- | --- |
| 1 | **2** |

Left

- Below

[A map]

https://e.org

---
"""
    assert reading.documents[0].text == body
    assert [(r.expectation, r.severity, r.value) for r in reading.rejections] == [
        ("document_is_complete", "should", "2")
    ]
    assert "blocks that the API does not give 1" in reading.rejections[0].reason


def test_columns_of_a_database() -> None:
    page = {
        "properties": {
            "Name": {"type": "title", "title": [text("T")]},
            "Tags": {"type": "multi_select", "multi_select": [{"name": "a"}, {"name": "b"}]},
            "When": {"type": "date", "date": {"start": "2026-03-01", "end": "2026-03-04"}},
            "Done": {"type": "checkbox", "checkbox": False},
            "Cost": {"type": "formula", "formula": {"type": "number", "number": 7}},
            "Key": {"type": "unique_id", "unique_id": {"prefix": "DOC", "number": 3}},
            "Made": {"type": "created_time", "created_time": EARLY},
            "None": {"type": "select", "select": None},
        }
    }
    assert properties_of(page) == {
        "Cost": "7",
        "Done": "no",
        "Key": "DOC-3",
        "Tags": "a, b",
        "When": "2026-03-01 to 2026-03-04",
    }


def test_a_page_that_went_after_the_listing(notion: Notion) -> None:
    settings = SourceSettings.model_validate(_given(notion))
    files = list_source(settings).files[:1]
    notion.pages["home"]["archived"] = True
    (reading,) = read_files(settings, files)
    assert [r.expectation for r in reading.rejections] == ["page_is_there"]


def _words(notion: Notion, count: int) -> list[Any]:
    return [block("paragraph", f"Word {at}.") for at in range(count)]


def test_a_page_that_goes_while_its_blocks_are_read_is_not_cut(
    notion: Notion, monkeypatch: pytest.MonkeyPatch
) -> None:
    notion.page("home", "Home", _words(notion, 5))
    settings = SourceSettings.model_validate(_given(notion))
    files = list_source(settings).files[:1]
    answered, answer = [0], notion.answer

    def hides(method: str, path: str, query: dict[str, str], body: Any) -> Any:
        if path.endswith("/home/children"):
            answered[0] += 1
            if answered[0] == 2:
                return 404, {}, {}
        return answer(method, path, query, body)

    monkeypatch.setattr(notion, "answer", hides)
    with pytest.raises(OSError, match="went away while it was read"):
        list(read_files(settings, files))
    (reading,) = read_files(settings, files)  # at the next try it is there
    assert reading.documents[0].text.endswith("Word 4.\n")
    answered[0] = 1
    (reading,) = read_files(settings, files)
    assert [one.expectation for one in reading.rejections] == ["page_is_there"]


def test_blocks_of_a_page_that_is_not_shared_are_counted(notion: Notion) -> None:
    there = block("synced_block", synced_from={"block_id": "elsewhere"})
    notion.page(
        "home", "Home", [block("paragraph", "Before."), there, block("table", below=[there])]
    )
    del notion.blocks["home-2"]
    settings = SourceSettings.model_validate(_given(notion))
    (reading,) = read_files(settings, list_source(settings).files[:1])
    assert reading.documents[0].text == "# Home\n\nBefore.\n"
    assert "blocks that the API does not give 2" in reading.rejections[0].reason


def test_cursors_that_go_round_end_the_list(
    notion: Notion, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = notion.answer

    def circles(method: str, path: str, query: dict[str, str], body: Any) -> Any:
        if path != "/v1/search":
            return answer(method, path, query, body)
        following = {"": "a", "a": "b", "b": "a"}[(body or {}).get("start_cursor", "")]
        return 200, {}, {"results": [], "has_more": True, "next_cursor": following}

    monkeypatch.setattr(notion, "answer", circles)
    with pytest.raises(SourceUnavailable, match="the list has no end"):
        _listed(notion)

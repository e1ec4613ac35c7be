"""From a clean checkout to a restored release, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import ui
from tests.browser.operator import Operator, running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]
DAY = date(2026, 3, 3)
PAGES = ("fastapi/cors.md", "fastapi/debugging.md", "interrupted-export.pdf")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with ui.browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def operator(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    with running(tmp_path_factory.mktemp("operator"), PAGES) as operator:
        yield operator


@pytest.fixture
def screen(chromium: Browser, operator: Operator) -> Iterator[ui.Ui]:
    with ui.opened(chromium, operator.base) as screen:
        yield screen


def _asked_for(operator: Operator) -> set[str]:
    """The runs that no schedule made."""
    return {run["id"] for run in operator.runs() if not run["auto_scheduled"]}


def test_a_wrong_value_is_refused_before_anything_runs(screen: ui.Ui, operator: Operator) -> None:
    before = _asked_for(operator)
    screen.open_form("restore")
    screen.page.get_by_role("button", name="Submit").click()
    assert screen.refusal("Go back to") == "'as_of' is a required property"

    screen.page.get_by_role("tab", name="Release number").click()
    screen.write("Go back to", "0")
    screen.page.get_by_role("button", name="Submit").click()
    assert screen.refusal("Go back to") == "Value must be greater than or equal to 1."

    screen.write("Go back to", "1")
    screen.write("Another lakehouse", "s3://AKIA:se/cret@bucket")
    screen.page.get_by_role("button", name="Submit").click()
    said = "no password or signature in the address: it comes from the environment"
    assert said in screen.refusal("Another lakehouse")

    assert _asked_for(operator) == before and not (operator.folder / "lake").exists()


def test_nights_and_a_restore_by_date(screen: ui.Ui, operator: Operator) -> None:
    screen.open_form("nightly")
    screen.pick_midnight("Logical date (as of)", DAY)
    screen.switch("Read everything", True)
    first = screen.submit()
    screen.ended("Completed")
    (release,) = operator.releases()
    assert (release.seq, release.run_id) == (1, first)
    assert release.logical_time == datetime(2026, 3, 3, tzinfo=UTC)
    assert operator.texts(1).keys() == {"cors.md", "debugging.md"}
    report = screen.open_artifact("nightly-report")
    expect(
        report.get_by_role("heading", name="Published release 1 as of 2026-03-03")
    ).to_be_visible()
    expect(report.get_by_role("cell", name="cors.md")).to_be_visible()
    expect(report.get_by_text("interrupted-export.pdf").first).to_be_visible()

    changed = "# CORS\n\nAsk the gateway team.\n"
    (operator.docs / "cors.md").write_text(changed, encoding="utf-8")
    screen.open_form("nightly")
    screen.submit()
    screen.ended("Completed")
    assert [one.seq for one in operator.releases()] == [1, 2]
    assert operator.texts(2)["cors.md"] == changed
    report = screen.open_artifact("nightly-report")
    expect(report.get_by_role("heading", name="Published release 2 as of")).to_be_visible()
    expect(report.get_by_text("1 modified").first).to_be_visible()

    files = operator.lake.sizes()
    screen.open_form("restore")
    screen.pick_day("Go back to", DAY)
    screen.submit()
    screen.ended("Completed")
    report = screen.open_artifact("restore-report")
    said = "Dry run: would point readers back to release 1 of 2026-03-03T00:00:00Z"
    expect(report.get_by_role("heading", name=said)).to_be_visible()
    expect(report.get_by_role("row", name="documents that differ 1")).to_be_visible()
    assert operator.lake.sizes() == files

    screen.open_form("restore")
    screen.pick_day("Go back to", DAY)
    screen.write("Why", "wrong page")
    screen.switch("Dry run", False)
    third = screen.submit()
    screen.ended("Completed")
    report = screen.open_artifact("restore-report")
    said = "Published release 3, which answers as release 1 of 2026-03-03T00:00:00Z did"
    expect(report.get_by_role("heading", name=said)).to_be_visible()
    assert [one.seq for one in operator.releases()] == [1, 2, 3]
    back = operator.releases()[-1]
    assert (back.kind, back.run_id, back.digest) == ("rollback", third, release.digest)
    assert dict(back.note) == {"of": 1, "reason": "wrong page", "hold": False}
    assert operator.texts(3) == operator.texts(1) != operator.texts(2)

"""Pictures for the documentation, of an `almanac up` that has runs to show.

python -m tests.browser.pictures http://127.0.0.1:4200 docs
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

from PIL import Image
from playwright.sync_api import expect

from tests.browser import ui

COLOURS = 128  # enough for a page, and a third of the bytes


def take(base: str, folder: Path) -> None:
    """The deployments, the newest nightly run with what it shows, and the form of a restore."""
    with ui.browser() as browser, ui.opened(browser, base) as screen:
        page = screen.page
        page.goto(f"{base}/v2/deployments?limit=25", timeout=120 * ui.SECONDS)
        expect(page.get_by_role("link", name="watch", exact=True).first).to_be_visible()
        _store(screen, folder / "deployments.png")

        page.goto(f"{base}/v2/artifacts/key/nightly-report")
        page.locator('main a[href*="/runs/flow-run/"]').first.click()
        page.get_by_role("tab", name="Artifacts").click()
        expect(page.get_by_role("heading", name="nightly-report")).to_be_visible()
        page.wait_for_timeout(8 * ui.SECONDS)  # the graph is painted on a canvas, bit by bit
        _store(screen, folder / "nightly-run.png")

        screen.open_form("restore")
        screen.write("Why", "The new travel rules are not in force yet.")
        screen.field("Go back to").get_by_role("button", name="Pick a date").click()
        calendar = page.get_by_role("dialog")
        today = date.today()  # noqa: DTZ011
        calendar.get_by_role("combobox", name="Choose the Year").select_option(f"{today:%Y}")
        _store(screen, folder / "restore-form.png")


def _store(screen: ui.Ui, file: Path) -> None:
    screen.page.wait_for_load_state("networkidle")
    screen.picture(file)
    with Image.open(file) as picture:
        small = picture.convert("RGB").quantize(COLOURS)
    small.save(file, optimize=True)


if __name__ == "__main__":
    take(sys.argv[1].rstrip("/"), Path(sys.argv[2]))

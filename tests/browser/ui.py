"""The Prefect UI as an operator's hands and eyes: forms, runs and what they show."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    Locator,
    Page,
    TimeoutError,
    expect,
    sync_playwright,
)

SECONDS = 1_000  # Playwright counts in milliseconds
_SHORT = 30 * SECONDS  # for what is there, or about to be
_LONG = 120 * SECONDS  # for a page of a server that others keep busy
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_INSTALL = "install it (`apt-get install chromium`), or name one in CHROMIUM"


def chromium() -> str:
    """The browser's program; skips the test where there is none, but fails it in CI."""
    named = os.environ.get("CHROMIUM")
    found = named or next(filter(None, map(shutil.which, _NAMES)), None)
    if found and shutil.which(found):
        return found
    message = f"no Chromium ({named or ', '.join(_NAMES)}): {_INSTALL}"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser without a window."""
    program = chromium()
    expect.set_options(timeout=_SHORT)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield started
        finally:
            started.close()


@contextmanager
def opened(program: Browser, base: str, height: int = 900) -> Iterator[Ui]:
    """A page of the UI at `base`."""
    context = program.new_context(
        viewport={"width": 1400, "height": height}, locale="en-US", timezone_id="UTC"
    )
    context.set_default_timeout(_SHORT)
    # The UI asks a host of its makers for settings: nothing leaves this machine.
    context.route(lambda url: not url.startswith(base), lambda route: route.abort())
    try:
        yield Ui(context.new_page(), base)
    finally:
        context.close()


class Ui:
    """One page, at `base`."""

    def __init__(self, page: Page, base: str) -> None:
        self.page = page
        self.base = base

    def open_deployment(self, name: str) -> None:
        """From the list, which shows ten a page, by its search."""
        self.page.goto(f"{self.base}/v2/deployments", timeout=_LONG)
        self.page.get_by_placeholder("Search deployments").fill(name, timeout=_LONG)
        self.page.wait_for_url(re.compile(f"flowOrDeploymentName={name}"), timeout=_LONG)
        self._follow(self.page.get_by_role("link", name=name, exact=True).first, "/deployment/")
        expect(self.page.get_by_role("button", name="Run", exact=True)).to_be_visible(timeout=_LONG)

    def _follow(self, link: Locator, to: str) -> None:
        """Click until the page is there: a click on what is drawn anew meanwhile is lost."""
        for _ in range(5):
            link.click()
            try:
                return self.page.wait_for_url(re.compile(re.escape(to)), timeout=10 * SECONDS)
            except TimeoutError:
                continue
        raise AssertionError(f"the link does not lead to {to}: {self.page.url}")

    def open_form(self, name: str) -> None:
        """The form of a deployment, as a person gets there."""
        self.open_deployment(name)
        self.page.get_by_role("button", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Custom run").click()
        expect(self.page.get_by_role("button", name="Submit")).to_be_visible(timeout=_LONG)

    def field(self, title: str) -> Locator:
        """A parameter with its title, its help and its messages."""
        label = self.page.locator("label").filter(
            has_text=re.compile(rf"^{re.escape(title)}( \(|$)")
        )
        return self.page.locator("div.group").filter(has=label).last

    def write(self, title: str, text: str) -> None:
        """Fill in text or a number."""
        self.field(title).locator("textarea, input").first.fill(text)

    def switch(self, title: str, on: bool) -> None:
        """Turn a switch on or off."""
        self.field(title).get_by_role("switch").set_checked(on)

    def choose(self, title: str, option: str) -> None:
        """Choose from a list."""
        self.field(title).locator("fieldset").get_by_role("button").click()
        self.page.get_by_role("option", name=option, exact=True).click()

    def pick_day(self, title: str, day: date) -> None:
        """Pick a day in the calendar of a date."""
        self.field(title).get_by_role("button", name="Pick a date").click()
        self._pick(day)

    def pick_midnight(self, title: str, day: date) -> None:
        """Pick a day in the calendar of a time, which is midnight then, UTC."""
        self.field(title).locator("fieldset").get_by_role("button").first.click()
        self._pick(day)

    def _pick(self, day: date) -> None:
        calendar = self.page.get_by_role("dialog")
        calendar.get_by_role("combobox", name="Choose the Year").select_option(f"{day:%Y}")
        calendar.get_by_role("combobox", name="Choose the Month").select_option(f"{day:%b}")
        calendar.get_by_role("button", name=re.compile(f"{day:%B} {day.day}(st|nd|rd|th)")).click()
        self.page.keyboard.press("Escape")
        expect(calendar).to_be_hidden()

    def submit(self) -> str:
        """Start the run of a filled form, and open it; its id.

        A busy server on SQLite answers 503 now and then; an operator clicks again, and so do we.
        """
        notices = self.page.get_by_role("region", name=re.compile("Notifications"))
        link = notices.get_by_role("link", name="View run")
        deadline = time.monotonic() + 120
        while True:
            self.page.get_by_role("button", name="Submit").click()
            problem = notices.get_by_text(re.compile("Unknown error|Error creating|unavailable"))
            expect(link.or_(problem).first).to_be_visible(timeout=_LONG)
            if link.is_visible():
                break
            said = problem.first.inner_text()
            assert "Error creating" not in said and time.monotonic() < deadline, said
            expect(problem).to_have_count(0, timeout=_LONG)
        self._follow(link, "/v2/runs/flow-run/")
        # The page that was left lists runs too, and stays for a moment.
        expect(self.page.get_by_role("tab", name="Task Runs")).to_be_visible(timeout=_LONG)
        return self.page.url.rpartition("/flow-run/")[2].partition("?")[0]

    def ended(self, state: str, seconds: float = 240) -> None:
        """Wait until the run whose page is open shows the state that it is to end with."""
        ends = self.page.get_by_text(re.compile("^(Completed|Failed|Crashed|Cancelled)$")).first
        expect(ends).to_be_visible(timeout=seconds * SECONDS)
        expect(ends).to_have_text(state)

    def open_artifact(self, key: str) -> Locator:
        """What the run whose page is open shows under a key: the newest one of that key."""
        self.page.get_by_role("tab", name="Artifacts").click()
        card = self.page.get_by_role("tabpanel").locator(f'a[href$="/artifacts/key/{key}"]')
        expect(card).to_be_visible(timeout=_LONG)
        self._follow(card, f"/artifacts/key/{key}")
        newest = self.page.locator('main a[href*="/artifacts/artifact/"]').first
        expect(newest).to_be_visible(timeout=_LONG)
        self._follow(newest, "/artifacts/artifact/")
        return self.page.get_by_role("tabpanel")

    def refusal(self, title: str) -> str:
        """What a form says about a field that was refused by the browser or by the server."""
        field = self.field(title)
        number = field.locator("input[type=number]")
        if number.count() and (said := number.evaluate("it => it.validationMessage")):
            return str(said)
        said = field.locator(".text-destructive").first
        expect(said).to_be_visible(timeout=_LONG)
        return said.inner_text()

    def keep(self, folder: Path) -> str:
        """Store the page as it is, for a person to look at; says where."""
        self.page.screenshot(path=folder / "page.png", full_page=True)
        (folder / "page.html").write_text(self.page.content(), encoding="utf-8")
        return f"The page {self.page.url} is kept in {folder}: page.png, page.html"

    def picture(self, file: Path) -> None:
        """A picture of what is seen of the page, without what moves."""
        self.page.screenshot(path=file, animations="disabled")

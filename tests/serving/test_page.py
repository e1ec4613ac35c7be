"""The page in Chromium: ask, open a source, dislike with the right answer, another date."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.ui import browser
from tests.serving.conftest import Served

TRAVEL = "Who approves travel?"


@pytest.fixture(scope="module")
def program() -> Iterator[Browser]:
    with browser() as program:
        yield program


def opened(program: Browser, served: Served, locale: str = "en-US", width: int = 1200) -> Page:
    context = program.new_context(locale=locale, viewport={"width": width, "height": 760})
    page = context.new_page()
    page.goto(served.address)
    expect(page.locator("#assistant")).to_have_value("documents")
    return page


@pytest.mark.slow
def test_ask_read_and_correct(program: Browser, served: Served) -> None:
    page = opened(program, served)
    expect(page.get_by_role("note")).to_contain_text("No keys are set up")
    page.keyboard.type(TRAVEL)  # the question has the focus
    page.keyboard.press("Enter")
    answer = page.locator(".answer")
    expect(answer).to_have_text("The board approves travel that costs over 900 euro [1].")
    expect(page.locator(".made-by")).to_contain_text("Release 2 as of 2026-03-02 · stub-1")

    answer.get_by_role("button", name="[1]").press("Enter")
    expect(page.locator("mark")).to_contain_text("The board approves travel that costs over 900")
    expect(page.locator("#source-about")).to_contain_text("handbook / travel.md, as release 2")
    page.keyboard.press("Escape")
    expect(page.locator("#sources")).to_be_hidden()
    expect(answer.get_by_role("button", name="[1]")).to_be_focused()

    page.get_by_role("button", name="Bad answer").click()
    page.get_by_label("The right answer is").fill("Ask Ann.")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".thanks")).to_have_text("Stored, thank you.")
    page.locator(".correction").wait_for(state="hidden")
    request = served.client.get("/metrics").text
    assert 'almanac_votes_total{rating="dislike"}' in request

    page.locator("#as-of").fill("2026-03-01")
    page.get_by_role("button", name="New conversation").click()
    page.locator("#question").fill("Who approved travel?")
    page.get_by_role("button", name="Ask").click()
    second = page.locator(".turn")
    expect(second.locator(".made-by")).to_contain_text("Release 1 as of 2026-03-01")
    expect(second.locator(".answer")).to_contain_text("Your manager approves travel")
    page.context.close()


@pytest.mark.slow
def test_russian_on_a_phone(program: Browser, served: Served) -> None:
    page = opened(program, served, "ru-RU", 390)
    expect(page.get_by_role("button", name="Спросить")).to_be_visible()
    page.locator("#question").fill("<b>INVENTED</b> командировки?")
    page.get_by_role("button", name="Спросить").click()
    expect(page.locator(".answer")).to_have_text("Я не знаю.")
    expect(page.locator(".asked")).to_have_text("<b>INVENTED</b> командировки?")
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390
    page.locator(".citations button").first.click()
    expect(page.locator("#sources")).to_be_in_viewport(ratio=1)
    page.get_by_role("button", name="Закрыть").click()
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("button", name="Ask", exact=True)).to_be_visible()
    page.context.close()


@pytest.mark.slow
def test_an_error_is_shown_where_the_answer_would_be(program: Browser, served: Served) -> None:
    page = opened(program, served)
    page.locator("#question").fill("BROKEN travel")
    page.keyboard.press("Enter")
    expect(page.locator(".state.error")).to_contain_text("out of memory")
    page.locator("#question").fill("LONG SLOW travel")
    page.keyboard.press("Enter")
    expect(page.locator(".turn").nth(1).locator(".answer")).to_contain_text("900 euro 0 [1].")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".turn").nth(1).locator(".state")).to_have_text("Stopped.")
    page.context.close()


@pytest.mark.slow
def test_how_the_lakehouse_stands(program: Browser, served: Served) -> None:
    disliked = served.chat(TRAVEL).json()["id"]
    served.client.post("/v1/feedback", json={"request_id": disliked, "rating": -1})
    deadline = time.monotonic() + 30
    while not served.client.get("/v1/status").json()["steps"]:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    page = program.new_page()
    page.goto(f"{served.address}/status")
    expect(page.locator("#headline")).to_contain_text(
        "Release 2 answers, as of 2026-03-02 23:00 UTC"
    )
    expect(page.locator("#figures")).to_contain_text("3")
    expect(page.locator("#steps")).to_contain_text("almanac")
    page.context.close()

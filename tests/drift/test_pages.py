"""What the page of a watch says first, and why nothing was started."""

from __future__ import annotations

from datetime import timedelta

from almanac.drift.look import Look
from almanac.drift.measures import KINDS, Measure, Seen, State
from almanac.drift.pages import drift_page
from almanac.drift.raising import Raising
from schemas.settings import DriftSettings
from tests.drift.worlds import END

RULES = DriftSettings()
NOTHING = Raising((), {})


def page(raising: Raising = NOTHING, **states: State) -> str:
    seen = tuple(Seen(kind, states.get(kind, "quiet"), "") for kind in KINDS)
    return _page(seen, raising)


def _page(seen: tuple[Seen, ...], raising: Raising) -> str:
    start = END - timedelta(days=7)
    return drift_page(Look(END, start, start - timedelta(days=28), seen), raising, RULES)


def title(**states: State) -> str:
    return page(**states).splitlines()[0]


def test_the_title_says_what_was_not_judged() -> None:
    assert title() == "# Drift: nothing moved"
    assert title(answers="unknown") == "# Drift: nothing moved; no verdict on answers"
    assert title(documents="drift", questions="unknown", answers="drift") == (
        "# Drift: moved: documents, answers; no verdict on questions"
    )
    assert title(**dict.fromkeys(KINDS, "unknown")) == "# Drift: no verdict"


def test_a_page_about_the_past_says_why_nothing_was_started() -> None:
    later = page(Raising((), {}, "2026-03-05T06:00:00Z"), documents="drift")
    assert "Nothing was started: 2026-03-05T06:00:00Z was watched already" in later
    assert "By hand: `doctor/doctor`" in page(documents="drift")


def test_languages_are_named_where_they_moved() -> None:
    measures = (Measure("language", 0.3, 0.08, 0.001, 0.001, moved=True),)
    drawn = {"languages": {"de": [0.1, 0.1], "en": [0.6, 0.9], "ru": [0.3, 0.0]}}
    seen = Seen("questions", "drift", "", 50, 200, measures, drawn)
    said = _page((seen,), Raising(("questions",), {}))
    assert (
        "- Languages: `en` 90% before, 60% now; `ru` 0% before, 30% now; `de` 10% before, 10% now."
    ) in said

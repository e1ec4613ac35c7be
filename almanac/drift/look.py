"""One look: each kind of drift at one time, from what the lakehouse has stored.

A look reads without the lease, so it waits for no other run. All that it writes are the vectors of
questions that were never embedded: for the moment of that it takes the lease, and where another
run holds it goes on without (see `almanac.drift.questions`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from almanac.drift.answers import look_at_answers
from almanac.drift.documents import look_at_documents
from almanac.drift.measures import KINDS, Seen, judged, unknown
from almanac.drift.questions import look_at_questions
from almanac.feedback.drain import bring_in
from lakehouse import open_lakehouse
from schemas.encoder import Encoder
from schemas.errors import AlmanacError
from schemas.settings import Settings
from schemas.times import as_utc, isoformat


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen of the window that ends `at`, one entry for each of `KINDS`."""

    at: datetime
    start: datetime
    reference_start: datetime
    seen: tuple[Seen, ...]

    def to_json(self) -> dict[str, Any]:
        """Figures alone; what `runs` keeps of it."""
        return {
            "as_of": isoformat(self.at),
            "window": [isoformat(self.start), isoformat(self.at)],
            "reference": [isoformat(self.reference_start), isoformat(self.start)],
            "kinds": {one.kind: one.to_json() for one in self.seen},
        }


def look(settings: Settings, at: datetime, encoder: Encoder | None = None) -> Look:
    """Judge documents, questions and answers as of a time.

    The same lakehouse, settings and time give the same figures. A kind that can't be looked at has
    the state `unknown` with the reason, and the others are judged all the same. `encoder` stands in
    for the model of the release.
    """
    at, rules = as_utc(at), settings.drift
    bring_in(settings)
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    releases = lake.releases(settings.index.name)

    looks: dict[str, Callable[[], Seen]] = {
        "documents": lambda: look_at_documents(lake, releases, at, rules),
        "questions": lambda: look_at_questions(lake, releases.as_of(at), at, settings, encoder),
        "answers": lambda: look_at_answers(lake, at, rules),
    }
    seen = judged([_tried(kind, looks[kind]) for kind in KINDS], rules.significance)
    start = at - timedelta(days=rules.window_days)
    before = start - timedelta(days=rules.window_days * rules.reference_windows)
    return Look(at, start, before, tuple(seen))


def _tried(kind: str, seen: Callable[[], Seen]) -> Seen:
    """A release that is cold or a model that is gone keeps its kind from being judged, only."""
    try:
        return seen()
    except AlmanacError as error:
        return unknown(kind, str(error))

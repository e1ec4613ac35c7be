"""A lakehouse of three nights in which each cause of a dislike is planted once.

Night 1: all documents. Night 2: `parking` is gone; the requests are answered from here. Night 3:
`backup` says another time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from almanac.triage.run import triage
from lakehouse import Lakehouse
from schemas.feedback import Passage, Request, Triaged, Vote
from schemas.settings import TriageSettings
from tests.releases.conftest import House

# Without embedders: what they add has tests of its own (test_meaning.py).
PLAIN = TriageSettings(meaning=())
ASKED = datetime(2026, 3, 2, 9, tzinfo=UTC)
PRINTER = "The printer in the hall prints only after a visitor shows the orange badge."
BACKUP = "The nightly backup of the finance server starts at {} and writes to the second disk."
PARKING = "Visitors park their bicycles in the yard behind the northern gate."
MAIL = "A forgotten mailbox password is set again at the reception of the head office."
CANTEEN = "The canteen opens at noon and serves soup until three."
FILLER = (
    "Meeting rooms are booked in the calendar, for two hours at most.",
    "A laptop that is lost is reported to the security desk within one day.",
    "Travel costs are claimed with the form of the accounting department.",
    "New colleagues get their keys from the caretaker on the first morning.",
    "Software is installed through the catalogue, never from the internet.",
    "The heating of the old building is switched on in October.",
)


class Feedback:
    """A house with its feedback: `ask` logs a disliked request, `triage` looks into all."""

    def __init__(self, root: Path) -> None:
        self.house = House(root)
        self.house.configure(triage=PLAIN)
        self.house.put("printer", PRINTER)
        self.house.put("backup", BACKUP.format("two o'clock"))
        self.house.put("parking", PARKING)
        self.house.put("mail", MAIL)
        self.house.put("canteen", CANTEEN)
        for at, text in enumerate(FILLER):
            self.house.put(f"filler-{at}", text)
        self.house.night(1)
        self.house.remove("parking")
        self.house.night(2)
        self.house.put("backup", BACKUP.format("four o'clock"))
        self.house.night(3)

    @property
    def lake(self) -> Lakehouse:
        return self.house.lake

    def passages(self, seq: int, *names: str) -> tuple[Passage, ...]:
        """The passages of these documents in a release."""
        rows = self.house.rows(seq).to_pylist()
        return tuple(
            Passage(row["chunk_id"], row["text"])
            for name in names
            for row in rows
            if row["doc_id"] == f"{name}.md"
        )

    def ask(
        self,
        name: str,
        question: str,
        response: str,
        shown: Sequence[str] | tuple[Passage, ...],
        correction: str | None = None,
        **more: Any,
    ) -> Request:
        """Log a disliked request that was shown these documents of release 2."""
        texts = [one for one in shown if isinstance(one, str)]
        context = self.passages(2, *texts) if texts else tuple(shown)
        where = {} if "index_version" in more else {"release": 2}
        request = Request(
            name,
            ASKED,
            "u1",
            question,
            response,
            context,  # type: ignore[arg-type]
            **where | more,
        )
        self.lake.requests.append([request])
        self.vote(name, -1, correction)
        return request

    def vote(
        self, name: str, rating: int, correction: str | None = None, user: str = "u1", hour: int = 1
    ) -> None:
        at = ASKED + timedelta(hours=hour)
        self.lake.votes.append([Vote(name, user, at, rating, None, correction)])

    def triage(self, **more: Any) -> dict[str, Any]:
        return triage(self.house.settings, **more)

    def found(self) -> dict[str, Triaged]:
        return self.lake.triage.current()

    def causes(self) -> dict[str, str]:
        return {name: one.cause for name, one in self.found().items()}


def plant(feedback: Feedback) -> None:
    """One request of each cause, and two whose release is unknown."""
    ask = feedback.ask
    ask(
        "missing",
        "Where do visitors park their bicycles?",
        "In the hall.",
        ["printer", "mail"],
        "in the yard behind the northern gate",
    )
    ask(
        "stale",
        "When does the nightly backup of the finance server start?",
        "At two o'clock.",
        ["backup"],
        "at four o'clock",
    )
    ask(
        "missed",
        "Where is a forgotten mailbox password set again?",
        "In the hall.",
        ["printer", "canteen"],
        "at the reception of the head office",
    )
    ask(
        "fault",
        "Which badge does a visitor show to the printer in the hall?",
        "The green one.",
        ["printer"],
        "the orange badge",
        index_version="2026-03-02",
    )
    ask(
        "right",
        "When does the canteen open and until when does it serve soup?",
        "Opens at noon, soup until three.",
        ["canteen"],
        "at noon, soup until three",
    )
    ask("differ", "When does the canteen open?", "At noon.", ["canteen"])
    feedback.vote("differ", 1, user="u2", hour=0)
    ask(
        "elsewhere",
        "Where do visitors park their bicycles?",
        "In the hall.",
        (Passage("app-7", PRINTER),),
        "in the yard behind the northern gate",
        index_version="2026-03-02",
    )
    ask(
        "elsewhere-fault",
        "The printer in the hall prints only after a visitor shows which badge?",
        "The green one.",
        (Passage("app-7", PRINTER),),
        "the orange badge",
        index_version="blue-green-17",
    )
    ask(
        "bare",
        "Which badge does a visitor show to the printer in the hall?",
        "The green one.",
        ["printer"],
    )


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Feedback:
    """All of `plant`, triaged; only to be read."""
    feedback = Feedback(tmp_path_factory.mktemp("triage"))
    plant(feedback)
    feedback.triage()
    return feedback


@pytest.fixture
def feedback(tmp_path: Path) -> Feedback:
    """Three nights of one's own, and no request."""
    return Feedback(tmp_path)

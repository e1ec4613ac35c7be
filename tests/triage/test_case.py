"""What of a release the model was not shown, where texts look alike and are spelt differently."""

from __future__ import annotations

from almanac.core.stems import Rarity
from almanac.triage.case import Case, Look
from almanac.triage.replay import Held
from schemas.feedback import Opinion
from tests.dataset.logged import asked


def test_a_passage_in_another_spelling_was_shown() -> None:
    shown = (Held("text-1", "The cafe\u0301 has a con\u00adtrol  room. It opens at nine."),)
    hits = (Held("a", "The café has a control room."), Held("b", "The café is closed."))
    case = Case(asked(1), Opinion("r-001", ()), shown, Rarity([]), Look(1, "text", hits))
    assert [one.chunk_id for one in case.outside] == ["b"]

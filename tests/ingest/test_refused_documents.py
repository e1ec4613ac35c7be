"""A document that the chunker or the model refuses is quarantined; the others are published."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from almanac.embedding.endpoint import EndpointEncoder
from almanac.ingest import plan as planning
from almanac.releases.dismiss import dismiss
from schemas.errors import EmbeddingFailed, TextRefused
from schemas.settings import EmbedderSettings
from tests.embedding.server import HASHED, hashed, serving, status
from tests.releases.conftest import FIRST_NIGHT, House, ToyEncoder

GOOD, BAD = "Open the settings of the phone.", "The word POISON stands in this passage."


class Picky(ToyEncoder):
    """Finds something to refuse in texts with POISON, as `how` says."""

    def __init__(self, how: str, seed: int = 1) -> None:
        super().__init__(seed)
        self.how = how
        self.reason = "was refused: a policy forbids it"

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        if self.how == "chunker fails" and any("POISON" in text for text in texts):
            raise RecursionError("too deep")
        none = self.how == "no token"
        counts = super().count_tokens(texts)
        return [0 if none and "POISON" in one else n for one, n in zip(texts, counts, strict=True)]

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if self.how == "everything":
            raise TextRefused(0, "was refused: no such model")
        for position, text in enumerate(texts):
            if self.how == "model" and "POISON" in text:
                raise TextRefused(position, self.reason)
        return super().encode(texts)


RULES = {
    "model": "document_can_be_embedded",
    "no token": "chunk_tokens_are_counted",
    "chunker fails": "document_can_be_cut",
}


def open_rows(house: House) -> list[tuple[str, str]]:
    return [(row.doc_id, row.expectation) for row in house.lake.quarantine.rows()]


def texts_of(house: House) -> str:
    return " ".join(house.rows(house.releases[0].seq)["text"].to_pylist())


@pytest.mark.parametrize("how", RULES)
def test_a_refused_document_costs_itself_alone_until_it_is_mended(tmp_path: Path, how: str) -> None:
    house = House(tmp_path)
    house.encoder = Picky(how)
    house.put("phone", GOOD)
    house.put("door", "The door opens at eight.")
    house.night(1)
    house.put("phone", BAD)  # changed for the worse
    house.put("new", BAD)  # never there before
    house.put("door", "The door opens at nine.")
    house.put("roof", "The roof is closed.")
    release = house.night(2)
    assert open_rows(house) == [("new.md", RULES[how]), ("phone.md", RULES[how])]
    kept = {row.doc_id: row.reason for row in house.lake.quarantine.rows()}
    assert kept["phone.md"].endswith("Its last good version stays.")
    assert "stays" not in kept["new.md"]
    assert release.documents == 3
    assert "nine" in texts_of(house) and GOOD in texts_of(house)
    assert "POISON" not in texts_of(house)
    first = house.lake.quarantine.rows()
    house.put("roof", "The roof is open.")
    house.night(3)
    assert house.lake.quarantine.rows() == first  # nothing opened and closed again
    assert len(house.lake.quarantine.rows(status=None)) == 2
    house.put("phone", "Open the settings of the new phone.")
    house.remove("new")
    house.night(4)
    assert open_rows(house) == []
    assert "new phone" in texts_of(house)


def test_the_rows_of_a_table_are_refused_one_by_one(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.encoder = Picky("model")
    rows = [f"{at},Ticket {at},{BAD if at % 40 == 7 else GOOD} {at}" for at in range(100)]
    table = house.docs / "t.csv"
    table.write_text("id,title,text\n" + "\n".join(rows), encoding="utf-8")
    assert house.night(1).documents == 97
    assert [row for row, _ in open_rows(house)] == ["t.csv#47", "t.csv#7", "t.csv#87"]


def test_equal_documents_are_refused_together(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.encoder = Picky("model")
    for name in ("a", "b"):
        (house.docs / f"{name}.txt").write_text(f"x\n\n{BAD}", encoding="utf-8")
    house.put("good", GOOD)
    assert house.night(1).documents == 1
    assert [row for row, _ in open_rows(house)] == ["a.txt", "b.txt"]


def test_a_model_that_refuses_a_document_which_the_last_took_loses_that_document(
    tmp_path: Path,
) -> None:
    house = House(tmp_path)
    house.put("phone", BAD)
    house.put("door", GOOD)
    house.night(1)
    house.encoder = Picky("model", seed=2)
    assert house.night(2).documents == 1
    assert open_rows(house) == [("phone.md", "document_can_be_embedded")]
    house.encoder = ToyEncoder(3)
    assert house.night(3).documents == 2
    assert open_rows(house) == []


def test_a_model_that_refuses_everything_is_a_failed_run(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.encoder = Picky("everything")
    house.put("phone", GOOD)
    with pytest.raises(EmbeddingFailed, match="no such model") as failed:
        house.night(1)
    assert not isinstance(failed.value, TextRefused)
    assert open_rows(house) == []


def encoder_at(url: str, **settings: Any) -> EndpointEncoder:
    known = {"provider": "openai", "model": "m", "base_url": url, "dimension": HASHED}
    return EndpointEncoder(EmbedderSettings(**known | settings))


def test_an_endpoint_that_will_not_take_one_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    house = House(tmp_path)
    for at in range(40):
        house.put(f"note-{at}", BAD if at in (3, 30) else f"Note {at} says something.")
    said = 0

    def moody(request: dict[str, Any]) -> Any:
        nonlocal said
        said += 1  # a message that differs every time
        bad = any("POISON" in text for text in request["input"])
        return status(400, text=f"content filter, request {said}")(request) if bad else None

    with serving(hashed) as endpoint:
        endpoint.faults = _Always(moody)
        house.encoder = encoder_at(endpoint.url)  # type: ignore[assignment]
        assert house.night(1).documents == 38
        first = house.lake.quarantine.rows()
        assert [row.doc_id for row in first] == ["note-3.md", "note-30.md"]
        assert "HTTP 400: Error code: 400 - content filter" in first[0].reason
        assert "POISON" in first[0].value
        house.put("more", "More.")
        house.night(2)
        assert house.lake.quarantine.rows() == first
        endpoint.faults = _Always(status(400, text="no such model"))
        house.put("most", "Most.")
        with pytest.raises(EmbeddingFailed, match="no such model"):
            house.night(3)


class _Always(list[Callable[[dict[str, Any]], Any]]):
    def __init__(self, fault: Callable[[dict[str, Any]], Any]) -> None:
        super().__init__([fault])

    def pop(self, _: Any = -1) -> Callable[[dict[str, Any]], Any]:
        return self[0]


def test_a_plan_counts_what_can_be_cut(tmp_path: Path) -> None:
    from almanac.ingest.models import Models
    from almanac.ingest.run import begin_run

    house = House(tmp_path)
    house.put("phone", BAD)
    house.put("door", GOOD)
    encoder, models = Picky("chunker fails"), Models(house.settings)
    models.__dict__ |= {"embedder": encoder.identity, "encoder": encoder, "tokens": encoder}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planning, "Models", lambda _: models)
        found = planning.plan(begin_run(house.settings, FIRST_NIGHT))
    assert found["chunks"]["to_embed"] == 1


def test_a_refusal_that_was_dismissed_stays_so_in_other_words_until_it_is_mended(
    tmp_path: Path,
) -> None:
    house = House(tmp_path)
    house.encoder = picky = Picky("model")
    house.put("phone", BAD)
    house.put("door", GOOD)
    house.night(1)
    dismiss(house.settings, rule=RULES["model"], reason="known", by="ann")
    picky.reason = "was refused: request 4711 of today"
    house.put("roof", "The roof is open.")
    house.night(2)
    assert open_rows(house) == []
    house.put("phone", GOOD)
    house.night(3)
    assert [row.status for row in house.lake.quarantine.rows(status=None)] == ["resolved"]
    house.put("phone", BAD)
    house.put("roof", "The roof is closed.")
    house.night(4)
    assert open_rows(house) == [("phone.md", RULES["model"])]

"""Ordinary and odd documents: each night publishes what can be published."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lakehouse.probes import ask_probes, unreachable
from lakehouse.search import IndexReader
from schemas.settings import IndexSettings
from tests.releases.conftest import House

TEXT = "The printer on the third floor wants a badge."


def table(text: str, rows: int) -> str:
    lines = [f"{at},Ticket,{text}\n" for at in range(rows)]
    return "id,title,text\n" + "".join(lines)


ODD = {
    "a table of equal rows": ("tickets.csv", table(TEXT, 1_200)),
    "one repeated paragraph": ("form.md", "# Form\n\n" + "Please fill in this line.\n\n" * 900),
    "one word again and again": ("words.txt", "word " * 20_000),
    "a word without an end": ("long.txt", "x" * 100_000),
    "one enormous cell": ("cell.csv", f'id,title,text\n1,Cell,"{"cell text " * 10_000}"\n'),
    "one character": ("one.md", "a"),
    "one Chinese character": ("one.md", "\u5b57"),
    "only stop words": ("stop.md", "the and of to in\n" * 200),
    "a language without blanks": ("cjk.txt", "\u6253\u5370\u673a\u9700\u8981\u5fbd" * 400),
    "thousands of headings": ("heads.md", "".join(f"# H{at}\n\n" for at in range(2_000))),
    "a NUL byte": ("nul.txt", "hello\0world and more words that make a text of it"),
    "marks of direction": ("rtl.txt", "\u202eabc \u200f\u200e def \u2066x\u2069" * 20),
    "combining marks": ("marks.txt", "a" + "\u0301" * 5_000),
}


@pytest.mark.parametrize("kind", ["exact", "approximate"])
@pytest.mark.parametrize("name", ODD)
def test_an_odd_document_is_published_beside_its_neighbours(
    tmp_path: Path, name: str, kind: str
) -> None:
    path, text = ODD[name]
    index = IndexSettings(ann_above_rows=1_000 if kind == "approximate" else 100_000)
    house = House(tmp_path, index=index)
    house.put("neighbour", "A neighbour that is as usual.")
    (house.docs / path).write_text(text, encoding="utf-8")
    release = house.night(1)
    assert {"neighbour.md", path} <= {
        doc_id.partition("#")[0] for doc_id in house.rows(release.seq)["doc_id"].to_pylist()
    }


def test_equal_documents_in_two_nights(tmp_path: Path) -> None:
    house = House(tmp_path)
    for at in range(30):
        (house.docs / f"copy-{at}.md").write_text(f"# Copy\n\n{TEXT}\n", encoding="utf-8")
    assert house.night(1).rows == 30
    for at in range(30, 60):
        (house.docs / f"copy-{at}.md").write_text(f"# Copy\n\n{TEXT}\n", encoding="utf-8")
    assert house.night(2).rows == 60


class _WithoutRow(IndexReader):
    """A reader of an index that has lost one row, as far as a search can see."""

    lost = ""

    def vector(self, query, k):  # type: ignore[no-untyped-def]
        return [hit for hit in super().vector(query, k + 1) if hit.chunk_id != self.lost][:k]

    def leads_to(self, chunk_id, query):  # type: ignore[no-untyped-def]
        return chunk_id != self.lost and super().leads_to(chunk_id, query)


def test_a_row_that_no_search_reaches_is_damage_among_equal_ones_too(tmp_path: Path) -> None:
    house = House(tmp_path)
    (house.docs / "tickets.csv").write_text(table(TEXT, 40), encoding="utf-8")
    release = house.night(1)
    reader = _WithoutRow(house.lake.location, release)
    probes = ask_probes(reader)
    assert unreachable(reader, probes) == []
    reader.lost = probes[0]["chunk_id"]
    found = unreachable(reader, ask_probes(reader))
    assert [probe["chunk_id"] for probe in found] == [reader.lost]


def test_a_word_that_the_full_text_index_lost_is_damage(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.put("printer", "The printer wants a badge.")
    house.put("backup", "Backups run at two.")
    release = house.night(1)
    reader = house.lake.read(release)
    row = house.rows(release.seq).to_pylist()[0]
    assert reader.has_word(row["chunk_id"], row["text"].split()[-2])
    assert not reader.has_word(row["chunk_id"], "absent")
    assert reader.leads_to(row["chunk_id"], np.asarray(row["vector"], np.float32))
    assert not reader.leads_to("0" * 64, np.asarray(row["vector"], np.float32))

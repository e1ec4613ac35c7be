"""Exact search in memory and out of the files, over all documents and over some."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from lakehouse import Lakehouse
from lakehouse.among import Among
from lakehouse.index import release_tag, table_name
from lakehouse.ranking import Ranked, fuse
from lakehouse.search import IndexReader
from tests.lakehouse.conftest import DIMENSION, SEARCH, rows_of

TABLE = table_name("documents", "0" * 16, "toy")
ROWS = 400
WORDS = ("printer", "badge", "parking", "travel", "backup")


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> tuple[IndexReader, IndexReader]:
    """One release of 400 documents twice: read from its files, and with its vectors in memory."""
    from lakehouse import open_lakehouse

    lake = open_lakehouse(str(tmp_path_factory.mktemp("matrix") / "lake"))
    texts = {
        f"{'a' if at % 3 else 'b'}/{at}.md": f"{WORDS[at % 5]} number {at} of {WORDS[at % 7 % 5]}"
        for at in range(ROWS)
    }
    rows = rows_of(texts)
    vectors = np.array(rows["vector"].to_pylist(), np.float32)
    vectors[7::50] = vectors[7]  # equal ones, all over the table
    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), DIMENSION)
    rows = rows.set_column(rows.schema.get_field_index("vector"), "vector", column)
    writer = lake.write(TABLE, DIMENSION)
    writer.apply([rows.slice(0, 150), rows.slice(150)], [])
    writer.apply([], rows["chunk_id"].to_pylist()[20:30])
    writer.cover(SEARCH)
    writer.tag(release_tag(1))
    return _opened(lake), _opened(lake)


def _opened(lake: Lakehouse) -> IndexReader:
    from tests.lakehouse import conftest

    make: Callable[..., object] = conftest.release_of.__wrapped__()  # type: ignore[attr-defined]
    return lake.read(make(1, lance_table=TABLE, rows=ROWS - 10))  # type: ignore[arg-type]


def _keys(reader: IndexReader) -> list[tuple[str, str]]:
    return sorted({(hit.source, hit.doc_id) for hit in reader.vector(_query(0), ROWS)})


def _query(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=DIMENSION).astype(np.float32)


def test_memory_and_files_find_the_same(readers: tuple[IndexReader, IndexReader]) -> None:
    files, memory = readers
    assert not memory.pin(1000)
    assert memory.pin(1 << 20)
    equal = files.rank_vector(_query(1), ROWS)
    queries = [_query(seed) for seed in range(8)]
    queries.append(np.array(files.rows([equal[0].chunk_id])[0]["vector"], np.float32))
    for query in queries:
        for k in (1, 9, 100, ROWS):
            found, expected = memory.vector(query, k), files.vector(query, k)
            assert [hit.chunk_id for hit in found] == [hit.chunk_id for hit in expected]
            assert [hit.text for hit in found] == [hit.text for hit in expected]
            scores = zip(found, expected, strict=True)
            assert max(abs(one.score - other.score) for one, other in scores) < 1e-6
        assert memory.hybrid("printer", query, 9)[0].rank == 1
    memory.unpin()
    assert memory.vector(_query(1), 3) == files.vector(_query(1), 3)


def test_only_some_documents_are_searched(readers: tuple[IndexReader, IndexReader]) -> None:
    files, memory = readers
    memory.pin(1 << 20)
    every = _keys(files)
    for share in (0, 0.01, 0.4, 0.95, 1):
        drawn = np.random.default_rng(3).random(len(every)) < share
        among = Among([key for key, kept in zip(every, drawn, strict=True) if kept], every)
        for reader in readers:
            for search in (
                lambda k, some, reader=reader: reader.vector(_query(5), k, some),
                lambda k, some, reader=reader: reader.text("printer travel", k, some),
            ):
                wanted = [
                    (hit.chunk_id, hit.score)
                    for hit in search(ROWS, None)
                    if (hit.source, hit.doc_id) in among.keys
                ]
                assert [(hit.chunk_id, hit.score) for hit in search(9, among)] == wanted[:9]
            hits = reader.hybrid("printer travel", _query(5), 20, among)
            assert {(hit.source, hit.doc_id) for hit in hits} <= among.keys


def test_words_find_the_same_with_the_ids_of_rows_in_memory(
    readers: tuple[IndexReader, IndexReader],
) -> None:
    files, memory = readers
    for search in ("exact", "ann"):  # of the second no vectors are held
        memory.release = replace(memory.release, search=memory.release.search | {"vector": search})
        memory.pin(1 << 20)
        assert memory._names is not None
        for words in ("printer travel", "badge", "number 7", "unknown"):
            for k in (1, 9, ROWS):
                assert memory.rank_text(words, k) == files.rank_text(words, k)
        memory.unpin()
    memory.release = files.release


def test_threads_ask_together(readers: tuple[IndexReader, IndexReader]) -> None:
    files, memory = readers
    memory.pin(1 << 20)
    expected = [[hit.chunk_id for hit in files.vector(_query(seed), 5)] for seed in range(40)]
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda seed: memory.vector(_query(seed), 5), range(40)))
    assert [[hit.chunk_id for hit in hits] for hits in found] == expected


def test_odd_names_are_no_sql() -> None:
    every = [("s'1", "a'); DROP TABLE x; --"), ("s'1", "b"), ("t", "c")]
    assert Among(every[:1], every).predicate == (
        "(source = 's''1' AND doc_id IN ('a''); DROP TABLE x; --'))"
    )
    assert Among(every[1:], every).predicate == (
        "(source = 's''1' AND doc_id IN ('b')) OR (source = 't')"
    )
    assert Among([], every).predicate == "false"


def test_fusion_is_by_rank_alone() -> None:
    first = [Ranked("a", 0.9, 1), Ranked("b", 0.1, 2)]
    second = [Ranked("b", 12.0, 2), Ranked("c", 7.0, 3)]
    assert fuse(first, second) == [
        Ranked("b", 1 / 62 + 1 / 61, 2),
        Ranked("a", 1 / 61, 1),
        Ranked("c", 1 / 62, 3),
    ]

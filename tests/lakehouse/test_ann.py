from __future__ import annotations

import numpy as np
import pytest

from lakehouse import Lakehouse
from lakehouse.ann import partitions, subvectors
from lakehouse.index import release_tag
from tests.lakehouse.conftest import DIMENSION, SEARCH, rows_of

ANN = SEARCH | {"vector": "ann"}
ROWS = 3_000


@pytest.mark.slow
def test_an_approximate_index_keeps_its_partitions_and_covers_new_rows(
    lake: Lakehouse, release_of
) -> None:
    texts = {f"d{number}": f"text {number}" for number in range(ROWS)}
    rows = rows_of(texts)
    writer = lake.write("documents-ann", DIMENSION)
    writer.apply([rows], [])
    writer.cover(ANN)
    writer.tag(release_tag(1))
    before = _partitions(writer)
    writer.apply([rows_of({"late": "a late text"})], [])
    writer.cover(ANN)
    writer.tag(release_tag(2))
    assert _partitions(writer) == before == partitions(ROWS)
    assert writer.coverage().unindexed_vector_rows == 0
    release = release_of(2, lance_table="documents-ann", rows=ROWS + 1, search=ANN)
    reader = lake.read(release)
    late = np.asarray(rows_of({"late": "a late text"})["vector"][0].as_py(), np.float32)
    assert reader.vector(late, 3)[0].doc_id == "late"
    found = [reader.vector(_vector(rows, at), 1)[0].doc_id for at in range(0, ROWS, 60)]
    assert found == [f"d{number}" for number in range(0, ROWS, 60)]


def _vector(rows, at: int) -> np.ndarray:
    return np.asarray(rows["vector"][at].as_py(), np.float32)


def _partitions(writer) -> int:
    statistics = writer._table.to_lance().stats.index_stats("vector_idx")
    return int(statistics["indices"][0]["num_partitions"])


def test_partitions_grow_with_the_root_of_the_rows() -> None:
    sizes = (0, 1, 3_000, 100_000, 1_000_000, 10**9)
    assert [partitions(rows) for rows in sizes] == [1, 1, 11, 256, 1024, 4096]


def test_subvectors_divide_the_width() -> None:
    assert [subvectors(width) for width in (384, 512, 1536, 100, 7)] == [24, 32, 96, 25, 7]

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from lakehouse import Lakehouse
from lakehouse.index import release_tag, table_name
from lakehouse.releases import Release
from schemas.errors import LeaseHeld, ReleaseNotFound
from tests.lakehouse.conftest import DIMENSION, SEARCH, digest_of, rows_of

TABLE = table_name("documents", "0" * 16, "toy")


def write(lake: Lakehouse, texts: dict[str, str], removed: list[str], seq: int) -> int:
    writer = lake.write(TABLE, DIMENSION)
    writer.apply([rows_of(texts)], removed)
    writer.cover(SEARCH)
    return writer.tag(release_tag(seq))


def opened(lake: Lakehouse, release_of: Callable[..., Release], seq: int, rows: int):
    return lake.read(release_of(seq, lance_table=TABLE, rows=rows))


def ids(texts: dict[str, str]) -> list[str]:
    return rows_of(texts)["chunk_id"].to_pylist()


OLD = {"a": "install the server", "b": "restart the server nightly"}
NEW = {"c": "backups are written nightly"}


def test_each_release_answers_from_its_own_rows(lake: Lakehouse, release_of) -> None:
    write(lake, OLD, [], 1)
    write(lake, NEW, ids({"a": OLD["a"]}), 2)
    first, second = opened(lake, release_of, 1, 2), opened(lake, release_of, 2, 2)
    assert {hit.doc_id for hit in first.text("server", 9)} == {"a", "b"}
    assert {hit.doc_id for hit in second.text("server", 9)} == {"b"}
    assert {hit.doc_id for hit in second.text("backup", 9)} == {"c"}
    query = np.frombuffer(rows_of(OLD)["vector"][0].values.to_numpy().tobytes(), "<f4")
    assert first.vector(query, 1)[0].doc_id == "a"
    assert "a" not in {hit.doc_id for hit in second.vector(query, 9)}


def test_bm25_scores_do_not_depend_on_history(lake: Lakehouse, release_of, tmp_path) -> None:
    from lakehouse import open_lakehouse

    write(lake, OLD, [], 1)
    write(lake, NEW, ids({"a": OLD["a"]}), 2)
    fresh = open_lakehouse(str(tmp_path / "fresh"))
    write(fresh, {"b": OLD["b"]} | NEW, [], 2)
    grown, built = opened(lake, release_of, 2, 2), opened(fresh, release_of, 2, 2)
    assert grown.text("nightly server", 9) == built.text("nightly server", 9)


def test_what_a_killed_writer_left_is_undone(lake: Lakehouse, release_of) -> None:
    write(lake, OLD, [], 1)
    killed = lake.write(TABLE, DIMENSION)
    killed.apply([rows_of(NEW)], ids({"b": OLD["b"]}))
    killed.tag(release_tag(2))
    writer = lake.write(TABLE, DIMENSION)
    assert writer.recover(release_tag(1), [release_tag(1)])
    assert writer.coverage().rows == 2
    assert writer.rows_of([("docs", "b"), ("docs", "c")]).keys() == set(ids({"b": OLD["b"]}))
    assert write(lake, NEW, [], 2) > 0


def test_a_table_of_no_release_is_started_again(lake: Lakehouse) -> None:
    lake.write(TABLE, DIMENSION).apply([rows_of(OLD)], [])
    writer = lake.write(TABLE, DIMENSION)
    assert writer.recover(None, [])
    writer.apply([rows_of(NEW)], [])
    assert writer.coverage().rows == 1


def test_a_sound_table_is_left_alone(lake: Lakehouse) -> None:
    version = write(lake, OLD, [], 1)
    writer = lake.write(TABLE, DIMENSION)
    assert not writer.recover(release_tag(1), [release_tag(1)])
    assert writer.version == version


def test_rows_are_hashed_anew_when_they_are_read_back(lake: Lakehouse) -> None:
    rows = rows_of(OLD)
    writer = lake.write(TABLE, DIMENSION)
    writer.apply([rows], [])
    found = writer.read_back(ids(OLD | NEW))
    assert found.digest == digest_of(rows)
    assert (found.rows, found.duplicate_keys, found.null_vectors, found.inconsistent) == (
        2,
        0,
        0,
        0,
    )


def test_doubled_and_empty_rows_are_counted(lake: Lakehouse) -> None:
    rows = rows_of(OLD)
    zeros = pa.array([[0.0] * DIMENSION] * 2, rows["vector"].type)
    writer = lake.write(TABLE, DIMENSION)
    writer.apply([rows], [])
    writer._table.add(rows.set_column(rows.schema.get_field_index("vector"), "vector", zeros))
    found = writer.read_back(ids(OLD))
    assert (found.rows, found.duplicate_keys, found.null_vectors, found.inconsistent) == (
        4,
        2,
        2,
        2,
    )


def test_names_that_look_like_sql_are_names(lake: Lakehouse) -> None:
    odd = {"' OR 1=1 --.md": "one", "q'uo\"te`$(id)\n.md": "two", "back\\slash": "three"}
    writer = lake.write(TABLE, DIMENSION)
    writer.apply([rows_of(odd)], [])
    for doc_id in odd:
        assert list(writer.rows_of([("docs", doc_id)])) == ids({doc_id: odd[doc_id]})


def test_the_digest_does_not_depend_on_the_order(lake: Lakehouse) -> None:
    from lakehouse.rows import updated_digest

    old, new = rows_of(OLD), rows_of(NEW)
    grown = updated_digest(digest_of(old), new["row_hash"].to_pylist(), [])
    assert grown == digest_of(rows_of(NEW | OLD))
    assert updated_digest(grown, [], new["row_hash"].to_pylist()) == digest_of(old)
    assert digest_of(rows_of(OLD, seed=1)) != digest_of(old)


def test_ties_are_broken_by_chunk_id_and_stay_so_at_any_depth(lake: Lakehouse, release_of) -> None:
    same = {f"copy-{number:03d}": "the same words" for number in range(60)}
    write(lake, same | OLD, [], 1)
    reader = opened(lake, release_of, 1, 62)
    expected = sorted(ids(same))
    query = np.asarray(rows_of(same)["vector"][0].as_py(), np.float32)
    for k in (1, 7, 30, 60):
        assert [hit.chunk_id for hit in reader.text("words", k)] == expected[:k]
        assert [hit.chunk_id for hit in reader.vector(query, k)] == expected[:k]
    assert [hit.rank for hit in reader.hybrid("words", query, 5)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("question", ["", "  ", "AND (", "\"un'closed", "the of and", "\x00", "😀"])
def test_no_question_breaks_a_search(lake: Lakehouse, release_of, question: str) -> None:
    write(lake, OLD, [], 1)
    assert isinstance(opened(lake, release_of, 1, 2).text(question, 3), list)


def test_a_release_without_its_files_is_a_clear_error(lake: Lakehouse, release_of) -> None:
    with pytest.raises(ReleaseNotFound, match=r"release 1 does not open at .*almanac doctor"):
        opened(lake, release_of, 1, 2)


def test_russian_is_stemmed_where_configured(lake: Lakehouse, release_of) -> None:
    writer = lake.write(TABLE, DIMENSION)
    writer.apply([rows_of({"a": "резервные копии", "b": "доступ к почте"})], [])
    writer.cover(SEARCH | {"language": "Russian"})
    writer.tag(release_tag(1))
    hits = opened(lake, release_of, 1, 2).text("резервная копия", 5)
    assert [hit.doc_id for hit in hits] == ["a"]


def test_what_another_writer_puts_in_between_is_noticed(lake: Lakehouse) -> None:
    write(lake, OLD, [], 1)
    ours, theirs = (lake.write(TABLE, DIMENSION) for _ in range(2))
    theirs.apply([rows_of(NEW)], [])
    with pytest.raises(LeaseHeld, match="another writer changed"):
        ours.apply([], ids(OLD))

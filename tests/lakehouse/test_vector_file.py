"""Vectors in a temporary file come back as they went in."""

from __future__ import annotations

import resource

import pyarrow as pa
import pytest

from lakehouse.vector_file import VectorFile
from schemas.errors import StorageUnavailable
from schemas.hashing import sha256_text

_NAMES = [sha256_text(str(number)) for number in range(500)]


def _batch(names: list[str], vectors: list[bytes]) -> pa.RecordBatch:
    columns = [pa.array(names, pa.string()), pa.array(vectors, pa.binary())]
    return pa.RecordBatch.from_arrays(columns, names=["text_hash", "vector"])


def test_each_text_has_its_own_vector_and_an_unknown_one_none() -> None:
    vectors = [name.encode()[: 4 * (at % 5)] for at, name in enumerate(_NAMES)]
    with VectorFile() as file:
        file.fill([_batch(_NAMES[:300], vectors[:300]), _batch(_NAMES[300:], vectors[300:])])

        assert file.of(_NAMES[::-1]) == vectors[::-1]
        assert file.of([sha256_text("other"), _NAMES[7]]) == [None, vectors[7]]


def test_of_two_vectors_of_one_text_the_first_stays() -> None:
    with VectorFile() as file:
        file.fill([_batch([_NAMES[0], _NAMES[1], _NAMES[0]], [b"abcd", b"efgh", b"ijkl"])])

        assert file.of(_NAMES[:2]) == [b"abcd", b"efgh"]


def test_a_file_of_nothing_knows_no_text() -> None:
    with VectorFile() as file:
        file.fill([])

        assert file.of(_NAMES[:2]) == [None, None]
        assert file.of([]) == []


def test_a_full_temporary_folder_is_named() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    batch = _batch(_NAMES[:1], [b"a" * (1 << 20)])
    with VectorFile() as file:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, hard))
        try:
            with pytest.raises(StorageUnavailable, match=r"the temporary folder .* in TMPDIR"):
                file.fill([batch])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

"""The tables that the suites judge: what no rule can compute is computed here, once a row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import pyarrow as pa
import pyarrow.compute as pc

from schemas.documents import Chunk, Document

# U+FFFD and the control characters (C0, DEL, C1) that end no line and are no tab.
_UNDECODED = r"[\x00-\x08\x0e-\x1f\x7f-\x84\x{86}-\x{9f}\x{fffd}]"
_UNBROKEN_LENGTH = 76
_UNBROKEN = rf"[A-Za-z0-9+/=]{{{_UNBROKEN_LENGTH}}}"
_REPEATS = 10


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """What was read back from an index, and what Delta says about it.

    `null_vectors` counts vectors that are null, not finite or all zeros; `inconsistent_rows` those
    whose text, vector and hashes do not belong together; the unindexed rows are those that an
    existing full-text or vector index does not cover. Of the probes, `probes_failed` no longer lead
    to their own row, and to `probes_behind` rows answer first that are farther away.
    """

    rows: int
    expected_rows: int
    digest: str
    expected_digest: str
    duplicate_keys: int
    null_vectors: int
    inconsistent_rows: int
    unindexed_text_rows: int
    unindexed_vector_rows: int
    probes: int
    probes_failed: int
    probes_behind: int


def documents_frame(documents: Sequence[Document]) -> pa.Table:
    """One row a document, in order. Lone surrogates are escaped, and `valid_unicode` is False.

    Shares are of the text's characters, rounded to four places; lines end where `str.splitlines`
    says.
    """
    texts = [_encodable(document.text) for document in documents]
    stored = pa.array(texts, pa.large_string())
    characters = [len(text) for text in texts]
    undecoded = pc.count_substring_regex(stored, _UNDECODED).to_pylist()
    stretches = pc.count_substring_regex(stored, _UNBROKEN).to_pylist()
    lines = [_lines(text) for text in texts]
    unbroken = [
        _share(count * _UNBROKEN_LENGTH, length)
        for count, length in zip(stretches, characters, strict=True)
    ]
    repeated = [_share(most, length) for (_, most), length in zip(lines, characters, strict=True)]
    return pa.table(
        {
            "doc_id": _texts(_encodable(document.doc_id) for document in documents),
            "title": _texts(_encodable(document.title) for document in documents),
            "media_type": _texts(document.media_type for document in documents),
            "text": stored,
            "content_hash": _texts(document.content_hash for document in documents),
            "characters": _numbers(characters),
            "bytes": _numbers(document.size for document in documents),
            "valid_unicode": pa.array(map(_is_valid_unicode, documents), pa.bool_()),
            "undecoded_share": _shares(map(_share, undecoded, characters)),
            "unbroken_share": _shares(unbroken),
            "longest_line": _numbers(longest for longest, _ in lines),
            "repeated_share": _shares(repeated),
        }
    )


def chunks_frame(chunked: Iterable[tuple[str, Sequence[Chunk]]], window: int) -> pa.Table:
    """One row a chunk, from (doc_id, chunks) pairs in their order.

    `window` is the most tokens a chunk may have, in the embedder's own count.
    """
    rows = [(doc_id, chunk) for doc_id, chunks in chunked for chunk in chunks]
    return pa.table(
        {
            "doc_id": _texts(_encodable(doc_id) for doc_id, _ in rows),
            "ordinal": _numbers(chunk.ordinal for _, chunk in rows),
            "heading": _texts(_encodable(chunk.heading) for _, chunk in rows),
            "text": _texts(_encodable(chunk.text) for _, chunk in rows),
            "tokens": _numbers(chunk.tokens for _, chunk in rows),
            "window": _numbers([window] * len(rows)),
            "start": _numbers(chunk.start for _, chunk in rows),
            "end": _numbers(chunk.end for _, chunk in rows),
        }
    )


def index_frame(facts: IndexFacts) -> pa.Table:
    """One row: the facts, a column each."""
    return pa.Table.from_pylist([asdict(facts)])


def _texts(values: Iterable[str]) -> pa.Array:
    return pa.array(values, pa.large_string())


def _numbers(values: Iterable[int]) -> pa.Array:
    return pa.array(values, pa.int64())


def _shares(values: Iterable[float]) -> pa.Array:
    return pa.array(values, pa.float64())


def _encodable(text: str) -> str:
    """`text`, with lone surrogates written as escapes where it has any."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _is_valid_unicode(document: Document) -> bool:
    parts = (document.doc_id, document.title, document.text)
    return all(_encodable(part) == part for part in parts)


def _lines(text: str) -> tuple[int, int]:
    """The length of the longest line, and the characters of the line repeated most."""
    counts = Counter(text.splitlines())
    longest = max(map(len, counts), default=0)
    repeated = [len(line) * count for line, count in counts.items() if count >= _REPEATS]
    return longest, max(repeated, default=0)


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0

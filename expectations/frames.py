"""The frames that the suites judge: what GX cannot compute itself is computed here, once a row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from schemas.documents import Chunk, Document

if TYPE_CHECKING:
    import pandas as pd

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


def documents_frame(documents: Sequence[Document]) -> pd.DataFrame:
    """One row a document, in order. Lone surrogates are escaped, and `valid_unicode` is False.

    Shares are of the text's characters, rounded to four places; lines end where `str.splitlines`
    says.
    """
    import pandas as pd

    texts = [_encodable(document.text) for document in documents]
    stored = pa.array(texts, pa.large_string())
    characters = [len(text) for text in texts]
    undecoded = pc.count_substring_regex(stored, _UNDECODED).to_pylist()
    stretches = pc.count_substring_regex(stored, _UNBROKEN).to_pylist()
    lines = [_lines(text) for text in texts]
    return pd.DataFrame(
        {
            "doc_id": [_encodable(document.doc_id) for document in documents],
            "title": [_encodable(document.title) for document in documents],
            "media_type": [document.media_type for document in documents],
            "text": stored.to_pandas(),
            "content_hash": [document.content_hash for document in documents],
            "characters": characters,
            "bytes": [document.size for document in documents],
            "valid_unicode": [_is_valid_unicode(document) for document in documents],
            "undecoded_share": list(map(_share, undecoded, characters)),
            "unbroken_share": [
                _share(count * _UNBROKEN_LENGTH, length)
                for count, length in zip(stretches, characters, strict=True)
            ],
            "longest_line": [longest for longest, _ in lines],
            "repeated_share": [
                _share(repeated, length)
                for (_, repeated), length in zip(lines, characters, strict=True)
            ],
        }
    )


def chunks_frame(chunked: Iterable[tuple[str, Sequence[Chunk]]], window: int) -> pd.DataFrame:
    """One row a chunk, from (doc_id, chunks) pairs in their order.

    `window` is the most tokens a chunk may have, in the embedder's own count.
    """
    import pandas as pd

    rows = [(doc_id, chunk) for doc_id, chunks in chunked for chunk in chunks]
    return pd.DataFrame(
        {
            "doc_id": [_encodable(doc_id) for doc_id, _ in rows],
            "ordinal": [chunk.ordinal for _, chunk in rows],
            "heading": [_encodable(chunk.heading) for _, chunk in rows],
            "text": [_encodable(chunk.text) for _, chunk in rows],
            "tokens": [chunk.tokens for _, chunk in rows],
            "window": [window] * len(rows),
            "start": [chunk.start for _, chunk in rows],
            "end": [chunk.end for _, chunk in rows],
        }
    )


def index_frame(facts: IndexFacts) -> pd.DataFrame:
    """One row: the facts, a column each."""
    import pandas as pd

    return pd.DataFrame([asdict(facts)])


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

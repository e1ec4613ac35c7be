"""What a source held the last time, as its connector is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lakehouse.runs import KnownFile


def entries_before(
    source: str, known: Mapping[tuple[str, str], KnownFile], state: Iterable[tuple[str, str]]
) -> dict[str, str | None]:
    """The stamp of each entry by its path; None for one of which only documents are known.

    Args:
        known: files by (source, path), as they were read.
        state: (source, id) of the documents of the last snapshot.
    """
    ids = (doc_id.partition("#")[0] for name, doc_id in state if name == source)
    stamps = {path: file.stamp for (name, path), file in known.items() if name == source}
    return dict.fromkeys(ids) | stamps

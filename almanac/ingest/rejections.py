"""Why what was read may not be indexed, in words for its owner."""

from __future__ import annotations

from lakehouse.suppression import Erased
from schemas.documents import Rejection


def emptied(path: str, size: int) -> Rejection:
    """Of a file of so many bytes that had text the last time."""
    reason = (
        "It holds no text any more, where it had some; its last good version stays. Put the file "
        "right. If it is meant so, delete the file: that deletes what it held."
    )
    return Rejection(path, "file_is_not_emptied", "must", reason, f"{size:,} bytes")


def erased_document(doc_id: str) -> Rejection:
    """Of a document whose id was erased."""
    reason = (
        "This document was erased on request. After `almanac erase --doc ID --allow` it may come "
        "back, with `almanac quarantine retry`."
    )
    return Rejection(doc_id, "document_is_not_erased", "must", reason)


def erased_content(doc_id: str, erased: Erased) -> Rejection:
    """Of a document that says what an erased one said, as a whole or in a passage."""
    what = "the text" if erased.kind == "text" else "a passage"
    reason = (
        f"It has {what} of a document that was erased on {erased.at:%Y-%m-%d} (receipt "
        f"{erased.receipt}). Remove it from the source. If it may stay: `almanac erase --receipt "
        f"{erased.receipt} --allow`, then `almanac quarantine retry`."
    )
    return Rejection(doc_id, "content_is_not_erased", "must", reason)

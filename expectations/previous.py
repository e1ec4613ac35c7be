"""Checks against the previous release: did documents vanish or shrink more than a source should?"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from expectations.values import shown
from schemas.documents import Severity
from schemas.report import CheckResult
from schemas.settings import LossLimitSettings

VANISHED: tuple[str, str, Severity] = ("previous", "documents_have_not_vanished", "must")
SHRUNK: tuple[str, str, Severity] = ("previous", "documents_have_not_shrunk", "must")
# What `compare` reads of a release's documents; more columns do no harm.
DOCUMENT_SIZES = pa.schema(
    [
        pa.field("source", pa.string()),
        pa.field("doc_id", pa.string()),
        pa.field("content_hash", pa.string()),
        pa.field("characters", pa.int64()),
    ]
)
_EXAMPLES = 5


def compare(
    previous: pa.Table, current: pa.Table, limits: LossLimitSettings
) -> tuple[CheckResult, CheckResult]:
    """Judge what a release would lose, both releases as tables of `DOCUMENT_SIZES`.

    A document whose content stands under another id moved and has not vanished. `current` is what
    would be published: a quarantined document stands there with its last good version. A previous
    release of fewer than `limits.min_documents` passes unchecked (`checked` is 0).
    """
    previous, current = previous.select(DOCUMENT_SIZES.names), current.select(DOCUMENT_SIZES.names)
    if previous.num_rows < limits.min_documents:
        return CheckResult(*VANISHED, True, 0, 0), CheckResult(*SHRUNK, True, 0, 0)
    at = pc.index_in(_keys(previous), value_set=_keys(current))
    lost = _not_moved(previous.filter(pc.is_null(at)), current)
    kept = previous.filter(pc.is_valid(at))
    shorter = _shorter(kept, current["characters"].take(pc.drop_null(at)), limits.shrunk_below)
    return (
        _vanished(lost, previous.num_rows, limits.max_vanished_share),
        _shrunk(shorter, kept.num_rows, limits.max_shrunk_share, limits.shrunk_below),
    )


def _keys(documents: pa.Table) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(documents["source"], documents["doc_id"], "\0")


def _not_moved(gone: pa.Table, current: pa.Table) -> pa.Table:
    hashes = current["content_hash"]
    return gone.filter(pc.invert(pc.is_in(gone["content_hash"], value_set=hashes, skip_nulls=True)))


def _shorter(kept: pa.Table, characters_now: pa.ChunkedArray, share: float) -> pa.Table:
    return kept.filter(pc.less(characters_now, pc.multiply(kept["characters"], share)))


def _vanished(lost: pa.Table, checked: int, allowed: float) -> CheckResult:
    failed = lost.num_rows
    if _share(failed, checked) <= allowed:
        return CheckResult(*VANISHED, True, checked, failed)
    reason = (
        f"{failed} of the {checked} documents of the last release are gone: {_examples(lost)}. "
        f"That is {_share(failed, checked):.1%}, and {allowed:.1%} are allowed. Check that the "
        "source is complete. If they were removed on purpose, run once with --accept-losses, or "
        "raise loss_limits.max_vanished_share."
    )
    return CheckResult(*VANISHED, False, checked, failed, reason)


def _shrunk(shorter: pa.Table, checked: int, allowed: float, below: float) -> CheckResult:
    failed = shorter.num_rows
    if _share(failed, checked) <= allowed:
        return CheckResult(*SHRUNK, True, checked, failed)
    reason = (
        f"{failed} of the {checked} documents still there have less than {below:.0%} of their "
        f"former text: {_examples(shorter)}. That is {_share(failed, checked):.1%}, and "
        f"{allowed:.1%} are allowed. Check that the source delivers whole documents. If they were "
        "cut on purpose, run once with --accept-losses, or raise loss_limits.max_shrunk_share."
    )
    return CheckResult(*SHRUNK, False, checked, failed, reason)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _examples(documents: pa.Table) -> str:
    """The first few by source and id, and how many more there are."""
    order = [("source", "ascending"), ("doc_id", "ascending")]
    first = documents.take(pc.select_k_unstable(documents, _EXAMPLES, order)).to_pylist()
    names = ", ".join(shown(f"{row['source']}:{row['doc_id']}") for row in first)
    more = documents.num_rows - len(first)
    return f"{names} and {more} more" if more else names

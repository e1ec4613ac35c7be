"""Who may see a document, now or at a time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from lakehouse import open_lakehouse
from schemas.errors import AlmanacError
from schemas.settings import Settings
from schemas.times import isoformat


def who(
    settings: Settings, doc_id: str, at: datetime | None, source: str | None = None
) -> dict[str, Any]:
    """The last word on a document by `at`, of each source that has it, and when it was read.

    Raises:
        AlmanacError: nothing was stored about it by then, so that nobody may see it.
    """
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    newest = {
        row["source"]: row
        for row in lake.access.history(doc_id)
        if (at is None or row["read_at"] <= at) and source in (None, row["source"])
    }
    if not newest:
        moment = f" by {isoformat(at)}" if at else ""
        raise AlmanacError(
            f"nothing is stored of who may see {doc_id}{moment}: set access of its source in "
            "almanac.toml, and the next night stores it"
        )
    return {
        "doc_id": doc_id,
        "as_of": isoformat(at) if at else None,
        "access": [
            {
                "source": row["source"],
                "principals": row["principals"],
                "origin": row["origin"],
                "read_at": isoformat(row["read_at"]),
            }
            for row in newest.values()
        ],
    }

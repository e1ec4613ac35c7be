"""The place that settings name for the lakehouse, looked at before a verb does anything."""

from __future__ import annotations

from lakehouse.place import check_place
from schemas.settings import Settings


def check_lakehouse(
    settings: Settings, *, may_be_new: bool = False, writes: bool = False, absent: str = ""
) -> None:
    """See `lakehouse.place.check_place`."""
    place, options = settings.lakehouse, dict(settings.storage_options)
    check_place(place, options, may_be_new=may_be_new, writes=writes, absent=absent)

"""Format 2: the lakehouse and each release say which format they are of.

Nothing that is stored has to change: releases from before have no column `format`, which means 1.
"""

from __future__ import annotations

from lakehouse.location import Location
from lakehouse.upgrades.step import Step


def _run(location: Location) -> None:
    """Storing the number, which ends every step, is all."""


STEP = Step(2, "store the number of the storage format", _run)

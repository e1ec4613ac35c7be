"""Where the journal of a lakehouse is: on a local disk, readable by its owner alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from schemas.hashing import sha256_text

_NAME = "journal.sqlite"
_FOLDER = "journal"
ENVIRONMENT = "ALMANAC_SERVING__JOURNAL"


def default_place(lakehouse: str) -> Path:
    """In the folder of a local lakehouse; for one on an object store, in the user's state folder.

    Args:
        lakehouse: its URI as a `Location` has it, so that one lakehouse has one place.
    """
    if "://" not in lakehouse:
        return Path(lakehouse) / _FOLDER / _NAME
    home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    name = sha256_text(lakehouse.rstrip("/"))[:16]
    return Path(home).expanduser() / "almanac" / _FOLDER / name / _NAME


def journal_places(lakehouse: str, configured: str | None = None) -> Sequence[Path]:
    """Every place where a journal of the lakehouse may be; the first is written to.

    An application that logs has no configuration, so the environment and the default count too.
    """
    named = (configured, os.environ.get(ENVIRONMENT))
    places = [Path(one).expanduser().resolve() for one in named if one]
    return list(dict.fromkeys([*places, default_place(lakehouse)]))

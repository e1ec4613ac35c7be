"""One request or one vote as a reader made it of an export, in Almanac's own names of fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Record:
    """The fields of a request, or of a vote.

    `stated` is False for a vote whose voter is taken to be who asked. `earlier` are the fields as
    versions read them that took thoughts and files for text; None where they are the same.
    """

    values: Mapping[str, Any]
    is_vote: bool = False
    stated: bool = True
    earlier: Mapping[str, Any] | None = None

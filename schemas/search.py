"""How a release is searched: stored with it, so that a date answers as it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from schemas.errors import FormatTooNew
from schemas.identity import identity_of_record, later_fields

# What a release stores since the first version; see `schemas.identity` for later fields.
_FIRST = ("language", "vector", "text", "nprobes", "refine_factor")


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """Full-text language, and which indexes answer with which effort.

    vector: exact, or ann with `nprobes` and `refine_factor`. text: whether the full-text index was
    rebuilt or updated at the publish. A field that is added here, with a default, is taken from the
    key of that name in `[index]`; a release from before it has the default.
    """

    language: str
    vector: Literal["exact", "ann"]
    text: Literal["rebuilt", "updated"]
    nprobes: int
    refine_factor: int
    tokenizer: str = "words"  # at blanks and signs

    def as_json(self) -> dict[str, Any]:
        """The values by name, as a release keeps them."""
        return identity_of_record(self, _FIRST)

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> SearchSettings:
        """What a release keeps.

        Raises:
            FormatTooNew: a later version searches it with something that is not known here.
        """
        unknown = sorted(stored.keys() - {field.name for field in fields(cls)})
        if unknown:
            raise FormatTooNew(
                f"a later version of Almanac searches this release with {', '.join(unknown)}, "
                "which this one does not know, so it would answer otherwise: update Almanac"
            )
        return cls(**stored)


def later_search_settings() -> tuple[str, ...]:
    """The names of fields that came after the first version."""
    return tuple(later_fields(SearchSettings, _FIRST))

"""Which documents a search is about: by source, path, metadata and date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from almanac.retrieval.globs import Glob
from lakehouse import Lakehouse
from lakehouse.documents import Key
from lakehouse.releases import TaggedIndex
from schemas.errors import ConfigError

_DATE = "date"


@dataclass(frozen=True, slots=True)
class Filters:
    """Conditions that a document must meet, all of them; none is everything.

    sources: one of these. paths: its id matches one of these globs, as those of a source do.
    fields: (name, value) of its metadata; of a list one element is the value. after, before: its
    metadata's `date` lies from the one to the other, both included.
    """

    sources: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()
    after: date | None = None
    before: date | None = None

    def __bool__(self) -> bool:
        return self != Filters()

    def documents(
        self, lake: Lakehouse, release: TaggedIndex, every: Mapping[Key, Any]
    ) -> set[Key]:
        """The documents among `every` of a release that meet all conditions.

        Raises:
            ConfigError: a glob is malformed.
        """
        globs = [Glob(glob) for glob in self.paths]
        keys = {
            key
            for key in every
            if (not self.sources or key[0] in self.sources)
            and (not globs or any(glob.matches(key[1]) for glob in globs))
        }
        if not keys or not (self.fields or self.after or self.before):
            return keys
        metadata = lake.documents.metadata(release.snapshot_seq)
        return {key for key in keys if self._meets(metadata.get(key, {}))}

    def _meets(self, metadata: Mapping[str, Any]) -> bool:
        if any(value not in _values(metadata.get(name)) for name, value in self.fields):
            return False
        if not (self.after or self.before):
            return True
        day = _day(metadata.get(_DATE))
        return day is not None and (self.after or day) <= day <= (self.before or day)


def parse_fields(texts: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """NAME=VALUE each; raises ConfigError."""
    pairs = [text.partition("=") for text in texts]
    for name, mark, _ in pairs:
        if not name or not mark:
            raise ConfigError(f"{name!r} is no condition on metadata: write NAME=VALUE")
    return tuple((name, value) for name, _, value in pairs)


def _values(found: Any) -> list[str]:
    """A value, or each of a list, as it is written."""
    if found is None:
        return []
    return [str(one) for one in (found if isinstance(found, list) else [found])]


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return None

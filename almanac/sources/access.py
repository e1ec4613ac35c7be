"""Who may see a document: by a column, a sidecar file, or the rules of the settings."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from almanac.sources.parsed import Note, shown
from almanac.sources.selection import matcher
from schemas.documents import Access, Listing
from schemas.sections.access import AccessSettings, checked_principals
from schemas.settings import SourceSettings

NOBODY: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sidecar:
    """One sidecar file: its folder, its rules, and why it can't be used where it can't.

    What is below a broken one is for nobody: a rule that can't be read must open nothing.
    """

    path: str
    rules: AccessSettings
    problem: str = ""

    @classmethod
    def parse(cls, path: str, data: bytes) -> Sidecar:
        """The rules in the bytes of a sidecar file."""
        try:
            values = tomllib.loads(data.decode("utf-8-sig"))
            if unknown := values.keys() - {"default", "paths"}:
                return cls.broken(path, f"unknown key {min(unknown)!r}: right are default, paths")
            return cls(path, AccessSettings.model_validate(values))
        except ValidationError as error:
            return cls.broken(path, error.errors()[0]["msg"].removeprefix("Value error, "))
        except ValueError as error:
            return cls.broken(path, f"no valid TOML: {error}")

    @classmethod
    def broken(cls, path: str, problem: str) -> Sidecar:
        """A sidecar that lets nobody see what is below it."""
        return cls(path, AccessSettings(default=NOBODY), problem)

    @property
    def folder(self) -> str:
        """The path of its folder with a slash at the end, "" for the root."""
        return self.path[: len(self.path) - len(self.path.rpartition("/")[2])]

    def note(self) -> Note:
        """What is recorded of a broken one."""
        return Note("access_is_readable", f"nobody may see what is below: {self.problem}")


def with_access(
    settings: SourceSettings, listing: Listing, sidecars: Sequence[Sidecar] = ()
) -> Listing:
    """The listing with who may see each file of which the source itself says nothing."""
    rules = _Rules(settings.access, sidecars)
    files = tuple(
        file if file.access else replace(file, access=rules.of(file.path)) for file in listing.files
    )
    broken = [one.note().rejection(one.path, "should") for one in sidecars if one.problem]
    return replace(listing, files=files, rejections=(*listing.rejections, *broken))


class _Rules:
    """The globs of settings and sidecars, compiled; the deepest sidecar first."""

    def __init__(self, settings: AccessSettings, sidecars: Iterable[Sidecar]) -> None:
        self._layers = [
            (one.folder, "sidecar", _globs(one.rules), one.rules.default)
            for one in sorted(sidecars, key=lambda one: -len(one.folder))
        ]
        self._layers.append(("", "rule", _globs(settings), settings.default))

    def of(self, path: str) -> Access | None:
        """The first layer that says something of the path; of its globs the last that fits."""
        for folder, origin, globs, default in self._layers:
            if not path.startswith(folder):
                continue
            below = path[len(folder) :]
            fitting = [names for pattern, names in globs if pattern.fullmatch(below)]
            principals = fitting[-1] if fitting else default
            if principals is not None:
                return Access(principals, origin)
        return None


def _globs(settings: AccessSettings) -> list[tuple[Any, tuple[str, ...]]]:
    return [(matcher(glob), names) for glob, names in settings.paths.items()]


def row_access(
    values: Mapping[str, Any], column: str | None
) -> tuple[Access | None, tuple[Note, ...]]:
    """Who may see a row by its column; None where that is blank. A wrong value is for nobody."""
    value = values.get(column) if column else None
    if value is None or value != value or value == "":
        return None, ()
    try:
        return Access(principals_in(value), "column"), ()
    except ValueError as error:
        note = Note("access_is_readable", f"nobody may see it: {column}: {error}", shown(value))
        return Access(NOBODY, "column"), (note,)


def principals_in(value: Any) -> tuple[str, ...]:
    """The principals in a list, or in text separated by commas. Raises ValueError."""
    if isinstance(value, str):
        value = [name.strip() for name in value.strip("{}").split(",") if name.strip()]
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise ValueError("it is neither a list of texts nor text separated by commas")
    return checked_principals(value)

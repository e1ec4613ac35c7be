"""Who may see the documents of a source, where the source itself does not say it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pydantic import Field, field_validator

from schemas.sections.base import Section

_PRINCIPAL = re.compile(r"public|(?:user|group):\S(?:.*\S)?")


def is_principal(text: str) -> bool:
    """Whether `text` is `public`, `user:ID` or `group:ID`."""
    return _PRINCIPAL.fullmatch(text) is not None


def checked_principals(names: Iterable[str]) -> tuple[str, ...]:
    """The names once each, sorted. Raises ValueError where one is no principal."""
    principals = sorted(set(names))
    for name in principals:
        if not is_principal(name):
            raise ValueError(f"{name!r} is no principal: write public, user:ID or group:ID")
    return tuple(principals)


class AccessSettings(Section):
    """Rules for documents of which the source does not say who may see them.

    A row's column goes first, then the nearest sidecar file, then the last glob that fits, then
    `default`. Without any of them nothing is stored about a document.
    """

    default: tuple[str, ...] | None = Field(
        default=None, description="Of documents that nothing else covers."
    )
    column: str | None = Field(
        default=None, description="Of a table: a list, or text separated by commas."
    )
    sidecar: str | None = Field(
        default=None,
        pattern=r"^[^/]+$",
        description="A file in a folder, such as .acl.toml, that covers what is below: the keys "
        "default and paths, as here.",
    )
    paths: dict[str, tuple[str, ...]] = Field(default={}, description="By glob, the last one wins.")

    @field_validator("default")
    @classmethod
    def _right_default(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if names is None else checked_principals(names)

    @field_validator("paths")
    @classmethod
    def _right_paths(cls, paths: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        return {glob: checked_principals(names) for glob, names in paths.items()}

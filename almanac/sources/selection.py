"""Which paths of a folder are read: include and exclude globs."""

from __future__ import annotations

import re
from collections.abc import Iterable

from almanac.sources.formats import DEFAULT_GLOBS
from schemas.errors import ConfigError
from schemas.settings import SourceSettings

_NOTHING = re.compile(r"(?!)")
_OFFICE_LOCK = "~$"
TOKEN = re.compile(r"(\*\*/|\*\*|\*|\?|\[[!^]?\]?[^\]]*\])", re.DOTALL)
_TRANSLATED = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


class Selection:
    """The globs of one source, compiled.

    `**/` stands for any folders, `*` and `?` for characters other than the slash; upper and lower
    case are alike. A pattern without a slash matches a name in any folder. An excluded folder is
    excluded with all that it holds.
    """

    def __init__(self, settings: SourceSettings) -> None:
        self._include = _compile(
            DEFAULT_GLOBS if settings.include is None else settings.include, ""
        )
        self._exclude = _compile(settings.exclude, "(?:/.*)?")

    def takes(self, path: str) -> bool:
        """Whether the file at `path` is to be read."""
        name = path.rpartition("/")[2]
        return (
            not name.startswith(_OFFICE_LOCK)
            and self._include.fullmatch(path) is not None
            and not self.excludes(path)
        )

    def excludes(self, path: str) -> bool:
        """Whether `path` itself or a folder above it is excluded."""
        return self._exclude.fullmatch(path) is not None

    def prunes(self, folder: str) -> bool:
        """Whether everything in `folder` is excluded, so that nobody need look inside."""
        return self.excludes(folder) or self.excludes(f"{folder}/")


def matcher(glob: str) -> re.Pattern[str]:
    """One glob, compiled for `fullmatch` on paths; raises ConfigError."""
    return _compile([glob], "(?:/.*)?")


def _compile(globs: Iterable[str], tail: str) -> re.Pattern[str]:
    parts = [_translate(glob) + tail for glob in globs]
    try:
        return re.compile("|".join(parts), re.IGNORECASE | re.DOTALL) if parts else _NOTHING
    except re.error as error:
        raise ConfigError(f"a glob among {', '.join(globs)} is malformed: {error}") from None


def _translate(glob: str) -> str:
    """One glob as a regular expression for `fullmatch`."""
    pattern = plain_glob(glob)
    return "".join(
        _TRANSLATED.get(part) or bracket(part) if at % 2 else re.escape(part)
        for at, part in enumerate(TOKEN.split(pattern))
    )


def plain_glob(glob: str) -> str:
    """The glob as one on the whole path: without a slash it is a name in any folder."""
    pattern = glob.removeprefix("./").rstrip("/")
    pattern = pattern.removeprefix("/") if "/" in pattern else f"**/{pattern}"
    return pattern + "/**" if glob.endswith("/") else pattern


def bracket(part: str) -> str:
    """`[...]` of a glob as a regular expression of one character."""
    body = part[1:-1].replace("\\", "\\\\").replace("[", "\\[")
    return f"[^{body[1:]}]" if body[:1] in ("!", "^") else f"[{body}]"

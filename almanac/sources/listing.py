"""What a walk over a source collects, whatever the file system."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from almanac.sources.formats import ending
from almanac.sources.parsed import Note, Unreadable, storable
from almanac.sources.selection import Selection
from schemas.documents import Listing, Rejection, SourceFile
from schemas.settings import SourceSettings


@dataclass(slots=True)
class Walk:
    """One walk over one source: its rules, and what was found so far."""

    settings: SourceSettings
    selection: Selection = field(init=False)
    files: list[SourceFile] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    skipped: int = 0
    unread: Counter[str] = field(default_factory=Counter)
    sidecars: list[str] = field(default_factory=list)  # files that say who may see what is below

    def __post_init__(self) -> None:
        self.selection = Selection(self.settings)

    def add(self, path: str, size: int, stamp: str | None) -> None:
        """Take a file that is to be read, unless its name or its size forbids it."""
        if storable(path) != path:
            self.refuse(path, Note("name_is_utf8", "the name is no UTF-8; rename the file"))
        elif size > self.settings.max_bytes:
            self.refuse(path, too_large(size, self.settings.max_bytes))
        else:
            self.files.append(SourceFile(path, size, stamp))

    def offer(self, file: SourceFile) -> None:
        """Take what a connector lists; globs that are given choose by its id."""
        chosen = self.settings.include is None or self.selection.takes(file.path)
        if self.selection.excludes(file.path) or not chosen:
            self.skipped += 1
            return
        before = len(self.files)
        self.add(file.path, file.size, file.stamp)
        if len(self.files) > before:
            self.files[-1] = file

    def refuse(self, path: str, note: Note) -> None:
        """Keep a file or folder out, for a reason worth reporting."""
        self.rejections.append(note.rejection(storable(path), "must"))

    def remark(self, path: str, note: Note) -> None:
        """Record something about an entry that is passed over."""
        self.rejections.append(note.rejection(storable(path), "should"))

    def skip(self, path: str) -> None:
        """Pass over what is no document; files that nobody excluded are counted by ending."""
        self.skipped += 1
        if path.rpartition("/")[2] == self.settings.access.sidecar:
            self.sidecars.append(path)
        if not self.selection.excludes(path) and not self.selection.takes(path):
            self.unread[ending(path)] += 1
        if self._may_be_meant(path):
            hint = (
                f"a table as JSON is read only where a glob names it: include **/*.{ending(path)}"
            )
            self.remark(path, Note("file_is_included", hint))

    def _may_be_meant(self, path: str) -> bool:
        # The one kind that can be read and is not by default: most .json files are no tables.
        by_default = self.settings.include is None
        return by_default and ending(path) == "json" and not self.selection.excludes(path)

    def listing(self, unasked: tuple[str, ...] = (), is_complete: bool = True) -> Listing:
        """Everything in path order; see `Listing` for what else a connector may say."""
        return Listing(
            files=tuple(sorted(self.files, key=lambda file: file.path)),
            rejections=tuple(sorted(self.rejections, key=lambda broken: broken.doc_id)),
            skipped=self.skipped,
            unread=dict(sorted(self.unread.items())),
            unasked=unasked,
            is_complete=is_complete,
        )


def too_large(size: int, limit: int) -> Note:
    """Why a file of `size` bytes is not read."""
    return Note("file_is_not_too_large", f"{size:,} bytes, over max_bytes = {limit:,}", str(size))


def unreadable(error: OSError) -> Unreadable:
    """The refusal of a file that the file system would not give."""
    return Unreadable("file_is_readable", f"it cannot be read: {error.strerror or error}")

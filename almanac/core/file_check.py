"""Files of a lakehouse against their seals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import TracebackType

from lakehouse import Lakehouse
from lakehouse.mending import CACHES, EACH_BY_ITSELF, RECORDS
from lakehouse.releases import Release
from lakehouse.seals import SealedFile
from schemas.errors import AlmanacError
from schemas.report import Finding
from schemas.tables import TABLES
from schemas.tables.releases import SEALED_TABLES

_DECIDING = (*SEALED_TABLES, "erasures")
Progress = Callable[[int, int], None]  # (done, total)
HEAL = "almanac doctor --heal"
BACKUP = "bring it back from a backup, or go on from a copy made with `almanac restore --mode copy`"


def no_progress(done: int, total: int) -> None:
    """Where nobody watches."""


class Attempt:
    """A block that reads what may be damaged; `failed` is what went wrong, in one line.

    Damaged bytes make an engine raise whatever it likes, panics included, which are no Exception.
    """

    failed = ""
    error: BaseException | None = None

    def __enter__(self) -> Attempt:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> bool:
        if kind is None or not (issubclass(kind, Exception) or kind.__name__ == "PanicException"):
            return False
        self.error = error
        line = " ".join(str(error).split()) or kind.__name__
        self.failed = line if issubclass(kind, AlmanacError) else line[:200]
        return True


class FileCheck:
    """Files against their seals, each looked at once however many releases need it."""

    def __init__(self, lake: Lakehouse, quick: bool) -> None:
        self._lake = lake
        self.quick = quick
        self._known: dict[str, SealedFile] = {}
        with Attempt() as attempt:
            self._known = lake.sealed.known()
        self.unreadable = attempt.failed  # what is wrong with the hashes themselves
        self._sizes: dict[str, int] = {}
        self._listed: set[str] = set()
        self._wrong: dict[str, tuple[str, str] | None] = {}

    def wrong(self, path: str) -> tuple[str, str] | None:
        """(kind, what is wrong) with a file; None for a sound one.

        Quick looks at sizes, else every byte is hashed.
        """
        if path not in self._wrong:
            self._wrong[path] = self._look(path)
        return self._wrong[path]

    def sealed(self, paths: list[str]) -> list[SealedFile]:
        """The sealed files of those of `paths` that have a seal."""
        return [self._known[path] for path in paths if path in self._known]

    def known_below(self, folder: str) -> list[str]:
        """Sealed files below a folder that are there, in path order."""
        there = (path for path in self._known if path.startswith(f"{folder}/"))
        return sorted(path for path in there if self._size(path) is not None)

    def sealed_below(self, folders: Iterable[str]) -> set[str]:
        """Paths of sealed files below folders, there or not."""
        below = tuple(f"{folder}/" for folder in folders)
        return {path for path in self._known if path.startswith(below)}

    @property
    def looked_at(self) -> int:
        """Files that were checked."""
        return len(self._wrong)

    def _look(self, path: str) -> tuple[str, str] | None:
        sealed = self._known.get(path)
        size = self._size(path)
        if size is None:
            return "missing_file", "is missing"
        if self.unreadable:
            return None
        if sealed is None:
            return "unsealed_file", "was never sealed"
        if size != sealed.bytes:
            return "damaged_file", f"has {size} bytes, not {sealed.bytes}"
        if not self.quick and self._lake.sealed.measured(path) != sealed:
            return "damaged_file", "has other bytes than when it was sealed"
        return None

    def _size(self, path: str) -> int | None:
        folder = "/".join(path.split("/")[:2])
        if folder not in self._listed:
            self._sizes |= self._lake.sizes(folder)
            self._listed.add(folder)
        return self._sizes.get(path)


def delta_files(lake: Lakehouse, files: FileCheck) -> Iterator[Finding]:
    """What is wrong with the files of the Delta tables that releases need."""
    if files.unreadable:
        yield Finding("damaged_table", "delta/sealed_files", files.unreadable, HEAL)
    for name in (one for one in TABLES if one not in (*SEALED_TABLES, "sealed_files")):
        with Attempt() as attempt:
            lake.delta(name).check(read=not files.quick)
        if attempt.failed:
            mend = HEAL if name in (*CACHES, *RECORDS, *EACH_BY_ITSELF) else BACKUP
            yield Finding("damaged_table", f"delta/{name}", attempt.failed, mend)
    for name in SEALED_TABLES:
        with Attempt() as attempt:
            paths = lake.delta(name).files()
        if attempt.failed:
            paths = files.known_below(f"delta/{name}")
        wrong = [(path, found) for path in paths if (found := files.wrong(path))]
        for path, (kind, said) in wrong:
            yield Finding(kind, path, said, HEAL if kind == "unsealed_file" else BACKUP)
        if not wrong:
            with Attempt() as attempt:
                lake.delta(name).check(read=False)
            if attempt.failed:
                yield Finding("damaged_table", f"delta/{name}", attempt.failed, BACKUP)


def holds_up(finding: Finding) -> bool:
    """Is it lost by what it is decided what an index holds, and what may be in it?

    The damage of another table, such as that of prompts or adapters, leaves all else to be mended.
    """
    table = finding.where.removeprefix("delta/").partition("/")[0]
    return finding.mend == BACKUP and (finding.release is not None or table in _DECIDING)


def index_files(lake: Lakehouse, release: Release, files: FileCheck) -> Iterator[Finding]:
    """What is wrong with the files of an open release and with its tag."""
    folder = f"lance/{release.lance_table}.lance"
    with Attempt() as attempt:
        listed = set(lake.tables.needed(release))
        # An index is what its folder holds, so a file that is missing there shows in the seals.
        needed = sorted(listed | files.sealed_below(lake.tables.index_folders(release)))
    if attempt.failed:
        wrong = [path for path in files.known_below(f"{folder}/_versions") if files.wrong(path)]
        yield from (_damaged(release, files, path) for path in wrong)
        if not wrong:
            yield about(release, "missing_index", attempt.failed, HEAL)
        return
    tag: int | None = release.lance_version
    with Attempt():  # one damaged tag hides them all; the hash of its file says which it is
        tag = lake.tables.tags(release.lance_table).get(release.lance_tag)
    if tag != release.lance_version:
        said = f"tag {release.lance_tag} names version {tag}, not {release.lance_version}"
        yield about(release, "moved_tag", said, HEAL)
        needed = [path for path in needed if "/_refs/" not in path]
    yield from (_damaged(release, files, path) for path in needed if files.wrong(path))


def _damaged(release: Release, files: FileCheck, path: str) -> Finding:
    kind, said = files.wrong(path) or ("", "")
    return Finding(kind, path, said, HEAL, release.seq)


def about(release: Release, kind: str, said: str, mend: str) -> Finding:
    """A finding on a release as a whole."""
    return Finding(kind, f"release {release.seq}", said, mend, release.seq)

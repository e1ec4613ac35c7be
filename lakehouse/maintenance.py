"""Lance tables as files: which of them a release needs, what belongs to none, and clearing that.

A version of a table needs its manifest, the data and deletion files of its fragments, every file of
its indexes, and, being a release, its tag. Lance never rewrites a file, so a file has one content.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from lakehouse.damage import reading_index
from lakehouse.files import Files
from lakehouse.location import Location
from lakehouse.mending import SetAside, set_aside
from lakehouse.releases import Release
from schemas.errors import LakehouseDamaged

_VERSIONS = (1 << 64) - 1  # manifests are named so that the newest comes first in a listing
_NEVER_NEEDED = ("_versions/latest_version_hint.json",)


class LanceTables:
    """All Lance tables of a lakehouse."""

    def __init__(self, location: Location) -> None:
        self._location = location
        self._files = Files(location)

    def names(self) -> list[str]:
        """Tables there are, in name order, whole or damaged."""
        folders = {path.split("/")[1] for path in self._files.sizes("lance")}
        return sorted(name.removesuffix(".lance") for name in folders if name.endswith(".lance"))

    def needed(self, release: Release) -> list[str]:
        """Paths inside the lakehouse of every file that opening and asking a release reads.

        Raises:
            OSError, ValueError: its manifest can't be read.
        """
        folder = f"lance/{release.lance_table}.lance"
        dataset = self._open(release.lance_table, release.lance_version)
        tag = f"{folder}/_refs/tags/{release.lance_tag}.json"
        return sorted(self._files_of(folder, dataset) | {tag})

    def index_folders(self, release: Release) -> list[str]:
        """Folders of the full-text and the vector index of a release, whatever is left in them."""
        dataset = self._open(release.lance_table, release.lance_version)
        folder = f"lance/{release.lance_table}.lance/_indices"
        return sorted(f"{folder}/{index['uuid']}" for index in dataset.list_indices())

    def _files_of(self, folder: str, dataset: Any) -> set[str]:
        paths = {f"_versions/{_VERSIONS - int(dataset.version):020d}.manifest"}
        paths.update(_row_files(dataset))
        found = {f"{folder}/{path}" for path in paths}
        for index in dataset.list_indices():
            found.update(self._files.sizes(f"{folder}/_indices/{index['uuid']}"))
        return found

    def tags(self, table: str) -> dict[str, int]:
        """Tag names and the versions they name."""
        with reading_index(self._location, table):
            found = self._open(table).tags.list()
        return {name: int(tag["version"]) for name, tag in found.items()}

    def tag(self, table: str, name: str, version: int) -> None:
        """Name a version; a tag of that name that no release has is replaced."""
        tags = self._open(table).tags
        self._location.guard.check()
        with reading_index(self._location, table):
            if name in tags.list():
                tags.delete(name)
            tags.create(name, version)

    def latest_version(self, table: str) -> int:
        """The newest version, tagged or not."""
        return int(self._open(table).latest_version)

    def sizes(self, table: str | None = None) -> dict[str, int]:
        """Bytes of every file of a table, or of all tables, by path inside the lakehouse."""
        return self._files.sizes(f"lance/{table}.lance" if table else "lance")

    def clean(self, table: str, keep: Collection[str], grace: timedelta) -> None:
        """Drop every tag but `keep`, and the files that no kept or newest version needs.

        Files younger than `grace` stay until the next time.
        """
        dataset = self._open(table)
        self._location.disk.sync()  # what stands in for what goes now
        with reading_index(self._location, table):
            for name in sorted(dataset.tags.list()):
                if name not in keep:
                    self._location.guard.check()
                    dataset.tags.delete(name)
            self._location.guard.check()
            dataset.cleanup_old_versions(
                grace, delete_unverified=not grace, error_if_tagged_old_versions=False
            )

    def drop(self, table: str) -> None:
        """Remove a table with all of its files, whole or damaged."""
        import lancedb

        options = self._location.lance_options or None
        database: Any = lancedb.connect(self._location.child("lance"), storage_options=options)
        self._location.disk.sync()  # what stands in for what goes now
        self._location.guard.check()
        with reading_index(self._location, table):
            database.drop_table(table, ignore_missing=True)
        self._files.delete(self.sizes(table))

    def strays(self, table: str) -> list[str]:
        """Files of a table that no version of it needs, tagged or on its way to one."""
        folder = f"lance/{table}.lance"
        own = {f"{folder}/{path}" for path in _NEVER_NEEDED}
        kept = (f"{folder}/_transactions/", f"{folder}/_refs/")
        left = {path for path in self.sizes(table) if path not in own and not path.startswith(kept)}
        for version in self._versions(table):
            if not left:
                break
            left -= self._files_of(folder, self._open(table, version))
        return sorted(left)

    def contents(self, table: str, version: int | None = None) -> frozenset[str]:
        """The data and deletion files of a version, the newest for None: which rows it has."""
        return frozenset(_row_files(self._open(table, version)))

    def holds(self, table: str, keys: Collection[tuple[str, str]]) -> bool:
        """Does any file of a table have a row of these (source, doc_id), deleted ones too?

        A table that can't be read may have one.
        """
        wanted = set(keys)
        seen: set[str] = set()
        try:
            with reading_index(self._location, table):
                for number in self._versions(table):
                    fresh = _unseen(self._open(table, number), seen)
                    if any(wanted & rows for rows in fresh):
                        return True
        except (OSError, ValueError, LakehouseDamaged):
            return True
        return False

    def _versions(self, table: str) -> list[int]:
        """Every version that there is, the newest first."""
        dataset = self._open(table)
        with reading_index(self._location, table):
            return sorted((int(one["version"]) for one in dataset.versions()), reverse=True)

    def fragments(self, table: str) -> int:
        """Into how many pieces the newest version is cut."""
        return len(self._open(table).get_fragments())

    def _open(self, table: str, version: int | str | None = None) -> Any:
        import lance

        uri = self._location.child("lance", f"{table}.lance")
        options = self._location.lance_options or None
        with reading_index(self._location, table):
            return lance.dataset(uri, version=version, storage_options=options)

    def mend(self, table: str, versions: Collection[int], tags: Collection[str]) -> list[SetAside]:
        """Set aside what of a table in a folder is torn and belongs to no release.

        That is versions newer than all of `versions` that can't be read, and tags that can't be
        read and are none of `tags`; and the whole table where no version of it can be read.
        """
        root = self._location.folder
        if root is None:
            return []
        folder = f"lance/{table}.lance"
        newest = max(versions, default=0)
        moved: list[str] = []
        manifests = sorted((root / folder / "_versions").glob("*.manifest"))  # the newest first
        for at, path in enumerate(manifests):
            version = _VERSIONS - int(path.stem)
            if version <= newest or self._opens(table, version):
                break
            moved.append(str(path.relative_to(root)))
            if at == len(manifests) - 1:
                manifests = []
        if not manifests and not versions:
            moved = sorted(self.sizes(table))
        else:
            moved += [path for path in self._torn_tags(folder) if Path(path).stem not in tags]
        if not moved:
            return []
        said = "what an interrupted writer left of it is cut or empty"
        return [set_aside(root, folder, moved, said, "no release needs it")]

    def _opens(self, table: str, version: int) -> bool:
        try:
            self._open(table, version)
        except LakehouseDamaged:
            return False
        return True

    def _torn_tags(self, folder: str) -> list[str]:
        found = (path for path in self._files.sizes(f"{folder}/_refs") if path.endswith(".json"))
        return [path for path in found if not _is_json(self._files.read(path))]


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except ValueError:
        return False
    return True


def _unseen(dataset: Any, seen: set[str]) -> Iterator[set[tuple[str, str]]]:
    """(source, doc_id) of all rows of fragments whose files were not `seen`, and now are."""
    for fragment in dataset.get_fragments():
        paths = {file.path for file in fragment.data_files()}
        if paths <= seen:
            continue
        seen |= paths
        scanner = dataset.scanner(
            columns=["source", "doc_id"],
            fragments=[fragment],
            with_row_id=True,
            include_deleted_rows=True,
        )
        for batch in scanner.to_batches():
            yield set(zip(batch["source"].to_pylist(), batch["doc_id"].to_pylist(), strict=True))


def _row_files(dataset: Any) -> Iterator[str]:
    for fragment in dataset.get_fragments():
        yield from (f"data/{file.path}" for file in fragment.data_files())
        if deleted := fragment.deletion_file():
            yield str(deleted)

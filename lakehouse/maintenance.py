"""Lance tables as files: which of them a release needs, what belongs to none, and clearing that.

A version of a table needs its manifest, the data and deletion files of its fragments, every file of
its indexes, and, being a release, its tag. Lance never rewrites a file, so a file has one content.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Any

from lakehouse.files import Files
from lakehouse.location import Location
from lakehouse.releases import Release

_VERSIONS = (1 << 64) - 1  # manifests are named so that the newest comes first in a listing
_ROWS_PER_FRAGMENT = 100_000  # larger fragments are left alone by a compaction
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
        paths = {f"_versions/{_VERSIONS - release.lance_version:020d}.manifest"}
        paths.add(f"_refs/tags/{release.lance_tag}.json")
        for fragment in dataset.get_fragments():
            paths.update(f"data/{file.path}" for file in fragment.data_files())
            deleted = fragment.deletion_file()
            paths.update([deleted] if deleted else [])
        for index in dataset.list_indices():
            inside = self._files.sizes(f"{folder}/_indices/{index['uuid']}")
            paths.update(path.removeprefix(f"{folder}/") for path in inside)
        return sorted(f"{folder}/{path}" for path in paths)

    def tags(self, table: str) -> dict[str, int]:
        """Tag names and the versions they name."""
        found = self._open(table).tags.list()
        return {name: int(tag["version"]) for name, tag in found.items()}

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
        for name in sorted(dataset.tags.list()):
            if name not in keep:
                dataset.tags.delete(name)
        dataset.cleanup_old_versions(
            grace, delete_unverified=not grace, error_if_tagged_old_versions=False
        )

    def drop(self, table: str) -> None:
        """Remove a table with all of its files."""
        self._files.delete(self.sizes(table))

    def stray(self, table: str, releases: Iterable[Release]) -> list[str]:
        """Files of a table that none of its `releases` needs."""
        needed: set[str] = set()
        for release in releases:
            needed.update(self.needed(release))
        folder = f"lance/{table}.lance/"
        spared = {folder + path for path in _NEVER_NEEDED}
        return [path for path in self.sizes(table)
                if path not in needed and path not in spared
                and not path.startswith(f"{folder}_transactions/")]  # fmt: skip

    def compact(self, table: str) -> bool:
        """Write small fragments together as a new version; False if there was nothing to do."""
        dataset = self._open(table)
        done = dataset.optimize.compact_files(target_rows_per_fragment=_ROWS_PER_FRAGMENT)
        return bool(done.fragments_removed)

    def _open(self, table: str, version: int | str | None = None) -> Any:
        import lance

        uri = self._location.child("lance", f"{table}.lance")
        options = self._location.lance_options or None
        return lance.dataset(uri, version=version, storage_options=options)

"""What a writer does before it writes: tables that a crash left unreadable are brought back."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from lakehouse.fencing import WRITER
from lakehouse.location import Location
from lakehouse.maintenance import LanceTables
from lakehouse.mending import CACHES, RECORDS, Mending, SetAside
from lakehouse.placement_log import PlacementLog
from lakehouse.releases import Release, ReleaseLog
from lakehouse.seals import SealedFiles
from lakehouse.table_files import LOG, TableFiles
from schemas.errors import LakehouseDamaged
from schemas.tables import TABLES

_log = logging.getLogger("almanac.recovery")


def mend_lease(location: Location) -> None:
    """Make the lease's table readable; a holder that lives notices that its lease is gone."""
    if location.folder is not None:
        Mending(location.folder).mend(["lease"])


def least_number(location: Location) -> int:
    """The number that the next lease must be above: that of every commit a writer ever made.

    The lease's own table says it, unless a crash took its newest rows or it was made anew.
    """
    root = location.folder
    if root is None:
        return 0
    marks = [_mark(TableFiles(root / "delta" / name)) for name in TABLES]
    aside = (root / "set_aside").glob(f"*/delta/lease/{LOG}/*.json")
    return max([0, *marks, *(int(path.stem) + 1 for path in aside if path.stem.isdigit())])


def _mark(files: TableFiles) -> int:
    for version in reversed(files.commits):
        marks = (one.get("txn", {}) for one in files.actions(version) or ())
        found = [int(one["version"]) for one in marks if one.get("appId") == WRITER]
        if found:
            return max(found)
    return 0


def recover(
    location: Location,
    sealed: SealedFiles,
    log: ReleaseLog,
    placements: PlacementLog,
    tables: LanceTables,
    *,
    rebooted: bool,
) -> list[SetAside]:
    """Mend what can be mended without a loss; only under the lease. What was set aside.

    `rebooted`: the machine was started since the last writer wrote, so that what it wrote and did
    not sync may be gone.
    """
    root = location.folder
    if root is None:
        return []
    done = Mending(root).mend(["sealed_files"])
    known = frozenset(sealed.known())
    # Without any hash nobody can tell what was announced from what was not.
    if known or not TableFiles(root / "delta" / "releases").commits:
        done += Mending(root, known).mend()
    else:
        done += Mending(root, known).mend((*CACHES, *RECORDS))
    _seal_again(sealed, done)
    try:
        releases = log.every_index()
        done += _indexes(tables, releases)
        if rebooted or done:
            _use_up_numbers(log, placements, releases)
    except LakehouseDamaged as error:  # who reads it says so, and heal mends it
        _log.warning("%s", error)
    return done


def _seal_again(sealed: SealedFiles, done: Iterable[SetAside]) -> None:
    """Hash the entries that were written again in the place of those that were lost."""
    sealed.seal_again(f"delta/{one.table}/{path}" for one in done for path in one.written)


def _indexes(tables: LanceTables, releases: Iterable[Release]) -> list[SetAside]:
    """Set aside the newest versions of Lance tables where no release has them and they are torn."""
    hot = [one for one in releases if one.tier == "hot"]
    done = []
    for table in tables.names():
        named = [one for one in hot if one.lance_table == table]
        versions = {one.lance_version for one in named}
        done += tables.mend(table, versions, {one.lance_tag for one in named})
    return done


def _use_up_numbers(log: ReleaseLog, placements: PlacementLog, releases: Iterable[Release]) -> None:
    """No number of a release that was ever seen is given again, if what it named is gone."""
    seen = max(placements.newest(), default=0)
    last = max((one.seq for one in releases), default=0)
    if seen > last:
        log.use_up(seen)
        _log.warning(
            "releases %d to %d were never published: their numbers are used up", last + 1, seen
        )

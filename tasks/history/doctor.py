"""Say what is wrong with a lakehouse: what the index must hold against what it holds."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from lakehouse import Lakehouse
from lakehouse.placing import SEALED_TABLES
from lakehouse.releases import Release
from schemas.report import Finding
from tasks.history.row_check import BACKUP, HEAL, check_rows
from tasks.history.verify import FileCheck

_BY_HAND = "move it elsewhere: nothing of Almanac is in it"
_OWN = ("delta/", "lance/")


def doctor(lake: Lakehouse, index: str, quick: bool = False) -> dict[str, Any]:
    """Every finding over the tables, files and rows of one index; `ok` where there is none.

    The rows of the release that answers now are held against the snapshot it was made of, one by
    one; older open releases by the hashes of their files. `quick` looks at sizes alone.
    """
    began = time.perf_counter()
    releases = lake.releases(index)
    files = FileCheck(lake, quick)
    everywhere = releases.every_index()
    hot = [release for release in everywhere if release.tier == "hot"]
    latest = releases.latest()
    findings = [*_leftovers(lake, everywhere), *_strays(lake, hot), *_delta(lake, files)]
    rows = list(check_rows(lake, latest)) if latest else []
    rewritten = {latest.seq} if latest and rows else set()
    for release in hot:
        findings += _index_files(lake, release, files, release.seq in rewritten)
    findings += rows
    return {
        "ok": not findings,
        "release": latest.seq if latest else None,
        "kinds": dict(sorted(Counter(finding.kind for finding in findings).items())),
        "findings": findings,
        "seconds": round(time.perf_counter() - began, 3),
    }


def _leftovers(lake: Lakehouse, releases: list[Release]) -> Iterator[Finding]:
    """What a killed run stored and never published."""
    last = max((release.snapshot_seq for release in releases), default=0)
    found = lake.delta("document_changes").query(
        f"SELECT seq, count(*) AS rows FROM log WHERE seq > {last} GROUP BY seq"
    )
    for row in found.to_pylist():
        said = f"{row['rows']} changes that no release names: a run was killed before it published"
        yield Finding("unpublished_snapshot", f"snapshot {row['seq']}", said, HEAL)
    known = {release.seq for release in releases}
    for seq in sorted(lake.placements.newest().keys() - known):
        said = "was sealed and never published"
        yield Finding("unpublished_release", f"release {seq}", said, HEAL)


def _strays(lake: Lakehouse, hot: list[Release]) -> Iterator[Finding]:
    """Tables, tags, versions and files that belong to no release."""
    for table in lake.tables.names():
        there = [release for release in hot if release.lance_table == table]
        if not there:
            size = sum(lake.tables.sizes(table).values())
            said = f"belongs to no open release ({size} bytes)"
            yield Finding("stray_table", f"lance/{table}.lance", said, HEAL)
            continue
        try:
            yield from _strays_of(lake, table, there)
        except (OSError, ValueError, RuntimeError):
            continue  # damaged: its files are reported one by one
    for log in lake.deltas():
        for path in _unneeded(log.strays):
            yield Finding("stray_file", path, "is in no version of its table", HEAL)
    for path in lake.sizes():
        if not path.startswith(_OWN):
            yield Finding("foreign_file", path, "is no part of a lakehouse", _BY_HAND)


def _unneeded(strays: Any) -> list[str]:
    try:
        found: list[str] = strays()
    except (OSError, ValueError, RuntimeError):
        return []  # a damaged table is reported as such
    return found


def _strays_of(lake: Lakehouse, table: str, releases: list[Release]) -> Iterator[Finding]:
    named = {release.lance_tag for release in releases}
    for tag in sorted(lake.tables.tags(table).keys() - named):
        yield Finding("stray_tag", f"lance/{table}.lance", f"tag {tag} names no release", HEAL)
    versions = {release.lance_version for release in releases}
    newest = lake.tables.contents(table)
    if newest not in {lake.tables.contents(table, version) for version in versions}:
        version = lake.tables.latest_version(table)
        if version not in lake.tables.tags(table).values():
            said = f"version {version} has rows that no release has: a run was killed while writing"
            yield Finding("unpublished_version", f"lance/{table}.lance", said, HEAL)
    for path in lake.tables.strays(table):
        yield Finding("stray_file", path, "is in no version of its table", HEAL)


def _delta(lake: Lakehouse, files: FileCheck) -> Iterator[Finding]:
    for name in SEALED_TABLES:
        try:
            paths = lake.delta(name).files()
        except (OSError, ValueError, RuntimeError) as error:
            said = " ".join(str(error).split())[:200]
            yield Finding("damaged_table", f"delta/{name}", said, BACKUP)
            continue
        for path in paths:
            if wrong := files.wrong(path):
                mend = HEAL if wrong[0] == "unsealed_file" else BACKUP
                yield Finding(wrong[0], path, wrong[1], mend)


def _index_files(
    lake: Lakehouse, release: Release, files: FileCheck, rewritten: bool
) -> Iterator[Finding]:
    """Files of an open release; what follows from rows written under it is not said again."""
    try:
        needed = lake.tables.needed(release)
        tag = lake.tables.tags(release.lance_table).get(release.lance_tag)
    except (OSError, ValueError, RuntimeError) as error:
        said = " ".join(str(error).split())[:200]
        yield Finding("missing_index", f"release {release.seq}", said, HEAL, release.seq)
        return
    moved = tag != release.lance_version
    for path in needed:
        if (moved or rewritten) and "/_refs/" in path:
            continue
        if wrong := files.wrong(path):
            yield Finding(wrong[0], path, wrong[1], HEAL, release.seq)
    if moved and not rewritten:
        said = f"tag {release.lance_tag} names version {tag}, not {release.lance_version}"
        yield Finding("moved_tag", f"release {release.seq}", said, HEAL, release.seq)

"""Say what is wrong with a lakehouse: what the index must hold against what it holds."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from almanac.adapters import files as adapter_files
from almanac.core.file_check import (
    BACKUP,
    HEAL,
    Attempt,
    FileCheck,
    Progress,
    delta_files,
    holds_up,
    index_files,
    no_progress,
)
from almanac.releases.row_check import check_rows
from lakehouse import Lakehouse
from lakehouse.format import FILE as FORMAT_FILE
from lakehouse.personal import folders
from lakehouse.releases import Release
from schemas.errors import LakehouseDamaged
from schemas.report import Finding

_log = logging.getLogger("almanac.doctor")
_BY_HAND = "move it elsewhere: nothing of Almanac is in it"
_ANEW = "run the same tune again, or delete it"
_OWN = (*folders(), FORMAT_FILE)


def doctor(
    lake: Lakehouse, index: str, quick: bool = False, progress: Progress = no_progress
) -> dict[str, Any]:
    """Every finding over the tables, files and rows of one index; `ok` where there is none.

    The rows of the release that answers now are held against the snapshot it was made of, one by
    one; older open releases by the hashes of their files. `quick` looks at sizes alone. Where Delta
    tables that decide are damaged, nothing else is judged by them. `progress` is called with (done,
    total) open releases.
    """
    began = time.perf_counter()
    files = FileCheck(lake, quick)
    _log.info("looking at the files of the Delta tables")
    findings = list(delta_files(lake, files))
    latest: Release | None = None
    if not any(map(holds_up, findings)):
        latest = lake.releases(index).latest()
        releases = lake.releases(index).every_index()
        try:
            findings.extend(_by_release(lake, releases, latest, files, progress))
        except LakehouseDamaged as error:  # what a writer left torn, which heal takes back
            findings.append(Finding("unreadable", f"index {index}", str(error), HEAL))
    return {
        "ok": not findings,
        "release": latest.seq if latest else None,
        "format": lake.format,
        "upgrades": lake.pending_upgrades(),
        "kinds": dict(sorted(Counter(finding.kind for finding in findings).items())),
        "findings": findings,
        "set_aside": list(map(str, lake.set_aside())),
        "seconds": round(time.perf_counter() - began, 3),
    }


def _by_release(
    lake: Lakehouse,
    releases: list[Release],
    latest: Release | None,
    files: FileCheck,
    progress: Progress,
) -> Iterator[Finding]:
    hot = [release for release in releases if release.tier == "hot"]
    yield from _leftovers(lake, releases)
    yield from _strays(lake, hot)
    yield from _adapters(lake)
    found: dict[int, list[Finding]] = {}
    for at, release in enumerate(hot, 1):
        found[release.seq] = list(index_files(lake, release, files))
        progress(at, len(hot))
    rows: list[Finding] = []
    # What an engine reads from damaged files may be anything.
    if latest and all(map(_is_of_tag, found.get(latest.seq, ()))):
        _log.info("comparing the %d rows of release %d", latest.rows, latest.seq)
        rows = list(check_rows(lake, latest))
    if latest and rows:
        found[latest.seq] = [one for one in found[latest.seq] if not _is_of_tag(one)]
    yield from _once(one for release in hot for one in found[release.seq])
    yield from rows


def _once(findings: Iterable[Finding]) -> list[Finding]:
    """One finding a file, however many releases need it."""
    by_place: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        by_place.setdefault((finding.kind, finding.where), []).append(finding)
    return [_needed_by(group) for group in by_place.values()]


def _needed_by(group: list[Finding]) -> Finding:
    if len(group) == 1:
        return group[0]
    releases = ", ".join(str(finding.release) for finding in group)
    return replace(group[0], reason=f"{group[0].reason} (needed by releases {releases})")


def _is_of_tag(finding: Finding) -> bool:
    """Is it of a tag? Where rows were written under a release, its tag was moved to them."""
    return finding.kind == "moved_tag" or "/_refs/" in finding.where


def _leftovers(lake: Lakehouse, releases: list[Release]) -> Iterator[Finding]:
    """What a killed run stored and never published, and an erasure that was killed."""
    for path in lake.erasures.unfinished():
        yield Finding("unfinished_erasure", path, "an erasure was killed before its end", HEAL)
    last = max((release.snapshot_seq for release in releases), default=0)
    for seq, changes in lake.documents.counts_after(last).items():
        reason = f"{changes} changes that no release names: a run was killed before it published"
        yield Finding("unpublished_snapshot", f"snapshot {seq}", reason, HEAL)
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
        with Attempt():  # where it is damaged, its files are reported one by one
            yield from list(_strays_of(lake, table, there))
    for log in lake.deltas():
        with Attempt():  # a table that can't be read is reported by the check of its files
            yield from list(map(_stray, log.strays()))
    for path in lake.sizes():
        if not path.startswith(_OWN):
            yield Finding("foreign_file", path, "is no part of a lakehouse", _BY_HAND)


def _adapters(lake: Lakehouse) -> Iterator[Finding]:
    """Files of adapters that are damaged, missing, or of a tune that was killed."""
    found: list[Finding] = []
    with Attempt():  # a table that can't be read is reported by the check of its files
        for path in adapter_files.unnamed(lake):
            said = "no adapter names it: a tune was killed, or is about to"
            found.append(Finding("unnamed_adapter_file", path, said, _ANEW))
        for adapter in lake.adapters.current():
            for path, said in adapter_files.broken(lake, adapter).items():
                found.append(Finding("damaged_adapter_file", path, said, BACKUP))
    yield from found


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
        yield _stray(path)


def _stray(path: str) -> Finding:
    return Finding("stray_file", path, "is in no version of its table", HEAL)

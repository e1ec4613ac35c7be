"""Build the indexes of releases again, from Delta alone, and prove that they are the same."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import groupby

from almanac.ingest.index import Recipe, Written, bring, cover
from almanac.ingest.snapshot import IndexChange
from lakehouse import Lakehouse
from lakehouse.ann import base_name
from lakehouse.index import release_tag
from lakehouse.placement_log import Placement
from lakehouse.placements import seal_placement
from lakehouse.releases import Release
from schemas.errors import VerificationFailed

_log = logging.getLogger("almanac.rebuild")


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A release in its new place. `same_answers`: did every probe answer to the bit as it did?"""

    release: Release
    placement: Placement
    same_answers: bool


def rebuild(
    source: Lakehouse,
    releases: Iterable[Release],
    target: Lakehouse,
    *,
    run_id: str,
    cause: str,
    prefix: str = "",
) -> list[Rebuilt]:
    """Build releases into new Lance tables of `target`, those of one table into one table again.

    Documents, chunks and vectors come from the Delta tables of `target`; what each release must be
    comes from `source`, the same lakehouse unless it is copied. Nothing is embedded. The placements
    are made, not recorded: readers see nothing of it until the caller appends them.

    Raises:
        VerificationFailed: Delta no longer gives the rows that a release was sealed with.
    """

    def table(release: Release) -> str:
        return release.lance_table

    built = []
    for name, group in groupby(sorted(releases, key=lambda one: (table(one), one.seq)), key=table):
        place = free_table(target, name, prefix)
        built += _into_one(source, list(group), target, place, run_id, cause)
    return built


def free_table(lake: Lakehouse, table: str, prefix: str = "") -> str:
    """A name for the next generation of a Lance table that no release ever had."""
    base = base_name(table)
    taken = {placed["lance_table"] for placed in lake.placements.newest().values()}
    taken |= {*lake.tables.names(), table}
    generation = 2
    while f"{base}.{prefix}{generation}" in taken:
        generation += 1
    return f"{base}.{prefix}{generation}"


def free_tag(lake: Lakehouse, release: Release) -> str:
    """A tag for the next place of a release in the table that it is in."""
    taken = {*lake.tables.tags(release.lance_table), release.lance_tag}
    number = 2
    while release_tag(release.seq, number) in taken:
        number += 1
    return release_tag(release.seq, number)


def _into_one(
    source: Lakehouse,
    releases: list[Release],
    target: Lakehouse,
    table: str,
    run_id: str,
    cause: str,
) -> list[Rebuilt]:
    built: list[Rebuilt] = []
    base: Release | None = None
    for at, release in enumerate(releases, 1):
        _log.info(
            "building release %d of %d rows (%d of %d)",
            release.seq,
            release.rows,
            at,
            len(releases),
        )
        written = _written(target, release, base, table, [one.release.lance_tag for one in built])
        _check(written, release)
        tag = release_tag(release.seq)
        version = written.writer.tag(tag)
        base = replace(
            release,
            lance_table=table,
            lance_version=version,
            lance_tag=tag,
            tier="hot",
            cause=cause,
        )
        built.append(_rebuilt(source, target, base, run_id, cause))
    return built


def _written(
    lake: Lakehouse, release: Release, base: Release | None, table: str, tags: list[str]
) -> Written:
    before = lake.documents.state(base.snapshot_seq) if base else {}
    after = lake.documents.state(release.snapshot_seq)
    change = IndexChange(release.snapshot_seq, base, before, after)
    recipe = Recipe.of(release)
    writer = lake.write(table, recipe.dimension)
    written = bring(lake, writer, change, recipe, tags)
    cover(written, lambda _: dict(release.search))
    return written


def _check(written: Written, release: Release) -> None:
    found = written.writer.read_back(written.added)
    sound = found.rows == written.added_rows and not found.inconsistent + found.duplicate_keys
    if not sound or (written.rows, written.digest) != (release.rows, release.digest):
        raise VerificationFailed(
            f"release {release.seq} can't be built again: Delta gives {written.rows} rows with "
            f"digest {written.digest[:16]}…, sealed were {release.rows} with "
            f"{release.digest[:16]}…; `almanac verify --as-of {release.seq}` says more"
        )


def _rebuilt(
    source: Lakehouse, target: Lakehouse, release: Release, run_id: str, cause: str
) -> Rebuilt:
    placement = seal_placement(target, release, run_id=run_id, cause=cause, mark=release.mark)
    found = source.placements.sealed(release.seq)
    same = found is None or found[0]["probes"] == placement.sealed["probes"]
    return Rebuilt(replace(release, seal=placement.seal), placement, same)

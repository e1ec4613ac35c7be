"""Give a release its place and its seal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Required, TypedDict, Unpack

from lakehouse.probes import ask_probes
from lakehouse.releases import Placement, Release
from lakehouse.seals import names_of, sealed
from schemas.tables import SEALED_TABLES

if TYPE_CHECKING:
    from lakehouse.lakehouse import Lakehouse

Probes = Sequence[Mapping[str, Any]]


class Sealing(TypedDict, total=False):
    """How a release is placed: by which run and why, and what its readers must know of it.

    `previous` is the seal of the release before, for a new one; `probes` where they were asked
    already.
    """

    run_id: Required[str]
    cause: Required[str]
    mark: str
    previous: str
    probes: Probes | None


def place(lake: Lakehouse, release: Release, **how: Unpack[Sealing]) -> Release:
    """Seal a release where its table, version and tag say, and record that it stands there.

    A release that had a seal keeps naming it; a new one is appended to the log next. Hashes the
    files that no release had before.
    """
    placement = seal_placement(lake, release, **how)
    lake.placements.append([placement])
    return replace(
        release,
        tier="hot",
        cause=placement.cause,
        mark=placement.mark,
        seal=placement.seal,
    )


def seal_placement(lake: Lakehouse, release: Release, **how: Unpack[Sealing]) -> Placement:
    """The placement of a hot release with its seal, its files hashed but nothing recorded yet."""
    files = lake.sealed.seal(lake.tables.needed(release))
    asked = how.get("probes")
    if asked is None:
        asked = ask_probes(lake.read(replace(release, tier="hot")))
    found = lake.placements.sealed(release.seq) if release.seal else None
    if found is None:
        covered = sealed(release, files, asked, how.get("previous", ""))
    else:
        before, seal = found
        published = before["published"] or seal
        covered = sealed(release, files, asked, before["previous"], published)
    return _placement(release, covered, how["run_id"], how["cause"], how.get("mark", ""))


def moved(
    lake: Lakehouse,
    release: Release,
    tier: str,
    *,
    run_id: str,
    cause: str,
    forget_probes: bool = False,
) -> Placement:
    """The placement of a release that is in Delta alone (`cold`) or left the lakehouse (`gone`)."""
    found = lake.placements.sealed(release.seq)
    before, seal = found or (sealed(release, (), (), ""), "")
    keep = not forget_probes and tier == "cold"
    covered = before | {"release": names_of(release), "probes": before["probes"] if keep else []}
    covered |= {"published": before["published"] or seal}
    return replace(_placement(release, covered, run_id, cause, release.mark), tier=tier)


def seal_tables(lake: Lakehouse) -> None:
    """Hash the files of the Delta tables that are new since the last time."""
    paths = [path for name in SEALED_TABLES for path in lake.delta(name).files()]
    lake.sealed.seal(paths)


def prune_seals(lake: Lakehouse, releases: Iterable[Release]) -> None:
    """Forget the hashes of files that are gone, but of none that an open release needs."""
    kept = set(lake.sizes())
    folders: set[str] = set()
    for release in releases:
        if release.tier == "hot":
            kept.update(lake.tables.needed(release))
            folders.update(f"{folder}/" for folder in lake.tables.index_folders(release))
    known = lake.sealed.known()
    lake.sealed.forget_all_but(kept | {path for path in known if path.startswith(tuple(folders))})


def _placement(
    release: Release, covered: Mapping[str, Any], run_id: str, cause: str, mark: str
) -> Placement:
    return Placement(
        seq=release.seq,
        tier="hot",
        lance_table=release.lance_table,
        lance_version=release.lance_version,
        lance_tag=release.lance_tag,
        documents=release.documents,
        rows=release.rows,
        digest=release.digest,
        sealed=covered,
        cause=cause,
        mark=mark,
        run_id=run_id,
        at=datetime.now(UTC),
    )

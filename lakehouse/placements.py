"""Publish a draft, and give a release its place and its seal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Required, TypedDict, Unpack

from lakehouse.lakehouse import Lakehouse
from lakehouse.placement_log import Placement
from lakehouse.probes import ask_probes
from lakehouse.releases import DraftRelease, Release
from lakehouse.seals import names_of, sealed

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


def publish(
    lake: Lakehouse,
    draft: DraftRelease,
    check: Callable[[], None],
    *,
    at: datetime,
    cause: str,
    mark: str = "",
    probes: Probes | None = None,
) -> Release:
    """Seal a draft and append it to the log: from here on readers see it.

    Args:
        lake: where it was tagged; the caller holds the lease.
        draft: what was tagged.
        check: raises where the lease was lost; asked last before the append.
        at: the moment of publishing.
        cause: why it is placed there.
        mark: what its readers must know.
        probes: where they were asked already.

    Raises:
        LeaseHeld: another writer took over meanwhile; nothing was published.
    """
    log = lake.releases(draft.index)
    before = log.history()
    release = place(
        lake,
        draft.published(at),
        run_id=draft.run_id,
        cause=cause,
        mark=mark,
        previous=before[0].seal if before else "",
        probes=probes,
    )
    check()
    log.append(release)
    lake.seal_tables()
    return release


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

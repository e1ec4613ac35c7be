"""Go back to a release: point readers at it, open it again, or build it anew elsewhere."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from almanac.core.operation import Operation, operation, recorded
from almanac.releases.erase import finish_erasure
from almanac.releases.rebuild import Rebuilt, rebuild
from almanac.releases.republish import check_whole, logical_time, republish
from lakehouse import Lakehouse, open_lakehouse
from lakehouse.copying import copy_release
from lakehouse.format import FILE as FORMAT_FILE
from lakehouse.lease import Lease
from lakehouse.releases import Release, answering, check_not_gone, pick
from schemas.errors import ConfigError, RunRefused
from schemas.secrets import refuse_credentials
from schemas.settings import Settings
from schemas.times import When, isoformat

_log = logging.getLogger("almanac.restore")
Mode = Literal["publish", "copy", "reopen"]


def restore(
    settings: Settings,
    when: When,
    mode: Mode = "publish",
    *,
    to: str | None = None,
    reason: str = "",
    hold: bool = False,
    at: datetime | None = None,
    dry_run: bool = False,
    run_id: str | None = None,
) -> dict[str, Any]:
    """Restore the release of `when`.

    publish: readers get it from now on; a release is added, none is rewritten. Its logical time is
    `at`, the present unless given: later nights must not be earlier. With `hold`, nightly runs wait
    until one is told to go on. copy: a lakehouse of its own at `to`, from Delta alone.
    reopen: the index of a cold release is built again where it was.

    A copy only reads here, so it holds the lease of `to` and not of this lakehouse, whose nights go
    on meanwhile. What a clean-up or an erasure takes from under it shows in the digest, or in what
    is said of the release at the end, and then nothing is published there.

    Where it is what answers already, or is open already, `nothing_to_do` of the answer says so.

    Raises:
        ConfigError: `to` is missing, or not needed, or carries a credential.
        ReleaseNotFound, ReleaseNotOpen: there is nothing to go back to.
        RunRefused: `to` is not empty, or `at` is earlier than the newest release.
        VerificationFailed: what was built is not what was sealed.
    """
    if (mode == "copy") != bool(to):
        raise ConfigError("--to URI is needed for --mode copy, and for no other")
    if at is not None and mode != "publish":
        raise ConfigError("--at is for --mode publish: the others keep the logical time")
    refuse_credentials(to or "")
    purpose = f"restore ({mode})"
    if dry_run or to:
        run = Operation(settings, purpose, run_id)
        history = run.releases.history()
        release = pick(history, when, settings.index.name)
        done = _nothing_to_do(history, release, mode)
        if not done:
            _check(run, release, mode, to)
        if dry_run:
            shown = _named(release, mode, to) | _against_now(run, release) | done
            if mode == "publish" and not done:
                shown["speaks_for"] = isoformat(logical_time(run, history, at))
            return shown | {"dry_run": True, "seconds": run.seconds}
        with recorded(run):
            run.lake.erasures.check_finished()
            return _said(run, release, mode, to, reason, _copy(run, release, str(to)))
    with operation(settings, purpose, run_id) as (run, lease):
        finish_erasure(settings, run.lake, run.run_id)
        history = run.releases.history()
        release = pick(history, when, settings.index.name)
        done = _nothing_to_do(history, release, mode)
        if not done:
            _check(run, release, mode, to)
            if mode == "publish":
                done = _publish(run, lease, history, release, at, {"reason": reason, "hold": hold})
            else:
                done = _reopen(run, release)
        return _said(run, release, mode, to, reason, done)


def _said(
    run: Operation, release: Release, mode: Mode, to: str | None, reason: str, done: dict[str, Any]
) -> dict[str, Any]:
    run.report = _named(release, mode, to) | done
    run.report |= {"dry_run": False, "reason": reason, "seconds": run.seconds}
    return run.report


def _nothing_to_do(history: list[Release], release: Release, mode: Mode) -> dict[str, Any]:
    """Says that what is asked for is so already; empty where it is not."""
    now = answering(history)
    if mode == "publish" and now is not None and now.seq == release.seq:
        said = f"release {release.seq} is what answers now"
        return {"release": release.seq, "nothing_to_do": said}
    if mode == "reopen" and release.tier == "hot":
        said = f"release {release.seq} is open already: search it with --as-of"
        return {"release": release.seq, "nothing_to_do": said}
    return {}


def _check(run: Operation, release: Release, mode: Mode, to: str | None) -> None:
    check_not_gone(release)
    if mode == "publish":
        check_whole(run, release)
    if to is not None:
        _check_empty(open_lakehouse(to, run.settings.storage_options))


def _named(release: Release, mode: Mode, to: str | None) -> dict[str, Any]:
    return {
        "mode": mode,
        "of": release.seq,
        "as_of": isoformat(release.logical_time),
        "tier": release.tier,
        "mark": release.mark,
        "documents": release.documents,
        "rows": release.rows,
        "digest": release.digest,
        "model": release.embedder_identity.get("model", ""),
        "uri": to,
    }


def _against_now(run: Operation, release: Release) -> dict[str, Any]:
    """What readers would see change, in documents."""
    latest = run.releases.latest()
    now = run.lake.documents.state(latest.snapshot_seq) if latest else {}
    then = run.lake.documents.state(release.snapshot_seq)
    both = then.keys() & now.keys()
    return {
        "answers_now": latest.seq if latest else None,
        "against_now": {
            "come_back": len(then.keys() - now.keys()),
            "go": len(now.keys() - then.keys()),
            "differ": sum(then[key].document_hash != now[key].document_hash for key in both),
        },
    }


def _check_empty(target: Lakehouse) -> None:
    held = [path for path in target.sizes() if not path.startswith(("delta/lease/", FORMAT_FILE))]
    if held:
        raise RunRefused(
            f"{target.location.uri} is not empty ({len(held)} files): a copy needs a place of its "
            "own, and what an interrupted copy left must be removed first"
        )


def _publish(
    run: Operation,
    lease: Lease,
    history: list[Release],
    release: Release,
    at: datetime | None,
    note: dict[str, Any],
) -> dict[str, Any]:
    seq = republish(
        run,
        lease,
        release,
        kind="publish" if release.kind == "candidate" else "rollback",
        at=logical_time(run, history, at),
        note={"of": release.seq} | note,
        cause=f"restored from release {release.seq}",
    )
    return {"release": seq, "held": note["hold"]}


def _reopen(run: Operation, release: Release) -> dict[str, Any]:
    cause = "opened again"
    built = rebuild(run.lake, [release], run.lake, run_id=run.run_id, cause=cause, prefix="r")
    run.lake.placements.append([built[0].placement])
    run.lake.seal_tables()
    return {"release": release.seq, **_proof(built[0])}


def _copy(run: Operation, release: Release, to: str) -> dict[str, Any]:
    target = open_lakehouse(to, run.settings.storage_options, run.settings.durability)
    origin = {"copy_of": {"lakehouse": run.lake.location.uri, "seal": release.seal}}
    copied = replace(release, note=dict(release.note) | origin, seal="")
    with target.lease(run.run_id, "restore (copy)", run.settings.lease.ttl_seconds):
        _check_empty(target)  # of two copies at a time to one place, one gets it
        before = _kept_state(run, release.seq)
        _log.info("copying the Delta rows of release %d", release.seq)
        copy_release(run.lake, target, release)
        built = rebuild(run.lake, [copied], target, run_id=run.run_id, cause="copied")[0]
        if _kept_state(run, release.seq) != before:
            raise RunRefused(
                f"release {release.seq} was let go, or something was erased, while it was copied: "
                f"the copy was not published. Remove {target.location.uri}, and copy again"
            )
        target.placements.append([built.placement])
        target.releases(release.index).append(built.release)
        target.seal_tables()
    return {"release": release.seq, **_proof(built)}


def _kept_state(run: Operation, seq: int) -> tuple[Any, ...]:
    """What an erasure or a retention changes of a release, as soon as it has begun."""
    now = pick(run.releases.history(), seq, run.settings.index.name)
    erasures = len(run.lake.erasures.receipts())
    return now.tier == "gone", now.documents, now.rows, now.digest, now.mark, erasures


def _proof(built: Rebuilt) -> dict[str, Any]:
    return {"same_rows": True, "same_answers": built.same_answers}

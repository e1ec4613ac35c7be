"""Take back the newest release: readers get the one before, and later nights go on from there."""

from __future__ import annotations

from typing import Any

from almanac.core.operation import Operation, operation
from almanac.releases.erase import finish_erasure
from almanac.releases.republish import check_whole, republish
from lakehouse.releases import Release, answering, pick
from schemas.errors import ConfigError, RunRefused
from schemas.settings import Settings
from schemas.times import isoformat


def withdraw(
    settings: Settings,
    seq: int,
    reason: str,
    *,
    hold: bool = False,
    dry_run: bool = False,
    run_id: str | None = None,
) -> dict[str, Any]:
    """Add a release that takes back release `seq` and answers as the one before it did.

    The withdrawn release stays in the history under its number, for nobody but who asks for that
    number. Its logical time no longer counts: a night as of any time after the one before may run.
    With `hold`, nightly runs wait until one is told to go on. Where it was taken back already,
    `nothing_to_do` of the answer says so.

    Raises:
        ConfigError: there is no reason.
        ReleaseNotFound: there is no such release.
        RunRefused: it is not the newest one.
        ReleaseNotOpen, VerificationFailed: the release before it can't be given to readers.
    """
    if not reason.strip():
        raise ConfigError("say why it is taken back: --reason TEXT is kept with the history")
    if dry_run:
        run = Operation(settings, "withdraw", run_id)
        return _planned(run, seq, reason)[0] | {"dry_run": True, "seconds": run.seconds}
    with operation(settings, "withdraw", run_id) as (run, lease):
        finish_erasure(settings, run.lake, run.run_id)
        run.report, newest, before = _planned(run, seq, reason)
        if newest is not None:
            source = before or newest
            added = republish(
                run,
                lease,
                source,
                kind="withdrawal",
                at=source.logical_time,
                note={
                    "of": newest.seq,
                    "to": before.seq if before else None,
                    "reason": reason,
                    "hold": hold,
                },
                cause=f"release {newest.seq} was withdrawn",
            )
            run.report |= {"release": added, "held": hold}
        return run.report | {"dry_run": False, "seconds": run.seconds}


def _planned(
    run: Operation, seq: int, reason: str
) -> tuple[dict[str, Any], Release | None, Release | None]:
    """The report; the release to take back, None where that is done; the one that answers then."""
    history = run.releases.history()
    wanted = pick(history, seq, run.settings.index.name)
    newest = _newest(history)
    if wanted.withdrawn_by and wanted.kind != "withdrawal":
        said = f"release {seq} was taken back already, by release {wanted.withdrawn_by}"
        return {"withdrawn": seq, "nothing_to_do": said}, None, None
    if newest is None or seq not in (newest.seq, getattr(answering(history), "seq", None)):
        answers = f"that is release {newest.seq}" if newest else "none is left"
        raise RunRefused(
            f"only the newest release can be taken back, and {answers}; `almanac restore --as-of "
            "N` publishes an older one again"
        )
    older = (one for one in history if one.serves and one.seq < newest.seq)
    before = next((one for one in older if one.kind != "withdrawal"), None)
    check_whole(run, before or newest)
    return _report(newest, before, reason), newest, before


def _newest(history: list[Release]) -> Release | None:
    """The release whose content answers now: not a withdrawal, but what that answers as."""
    answers = answering(history)
    while answers is not None and answers.kind == "withdrawal":
        target = answers.note["to"]
        answers = next(one for one in history if one.seq == target)
    return answers


def _report(newest: Release, before: Release | None, reason: str) -> dict[str, Any]:
    return {
        "withdrawn": newest.seq,
        "as_of": isoformat(newest.logical_time),
        "answers_as": before.seq if before else None,
        "answers_as_of": isoformat(before.logical_time) if before else None,
        "reason": reason,
    }

"""What to do next, by what came of a run: lines of Markdown with commands and forms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from almanac.core.markdown import Markup
from schemas.errors import (
    AlmanacError,
    CandidateWaits,
    ConfigError,
    EmbeddingFailed,
    LeaseHeld,
    LossesRefused,
    ReleaseNotFound,
    ReleaseNotOpen,
    SourceUnavailable,
    TimePast,
    VerificationFailed,
)

# The form of this run's deployment with some of its parameters changed; empty where there is none.
Form = Callable[[str, Mapping[str, Any]], Markup]
_STANDS = "Nothing was published: what answered before keeps answering."
_UNFORESEEN = "Nobody foresaw this: the run's log has the traceback."


def no_form(text: str, changed: Mapping[str, Any]) -> Markup:
    """For a run without a deployment or a UI."""
    return Markup("")


def after_failure(error: BaseException, form: Form = no_form) -> list[str]:
    """What to do about the reason for which a run of any flow was refused or failed."""
    for kind, said in _REASONS.items():
        if isinstance(error, kind):
            return [line for line in said(form) if line]
    if isinstance(error, AlmanacError):
        return ["Mend what the message names.", _again(form)]
    return [_UNFORESEEN, _again(form)]


def after_failed_night(error: BaseException, form: Form = no_form) -> list[str]:
    """The same for a nightly run that published nothing."""
    if isinstance(error, AlmanacError):
        return after_failure(error, form)
    return [
        _STANDS,
        _UNFORESEEN,
        _again(form) + " It continues where this one stopped, and embeds nothing twice.",
        "If it fails again: `almanac doctor` says what is wrong with the lakehouse.",
    ]


def after_failed_report(release: int) -> list[str]:
    """What to do where a nightly run published a release and stopped after that."""
    return [
        f"Release {release} answers; `almanac trace release:{release}` says what is in it.",
        "The run's log has the traceback of what failed. It need not be run again: the next night "
        "reads again what this one could not note as read, and embeds nothing twice.",
        "If it fails again: `almanac doctor` says what is wrong with the lakehouse.",
    ]


def after_night(result: Mapping[str, Any], form: Form = no_form) -> list[str]:
    """What a nightly run that came to its end leaves for people to do; empty where nothing."""
    return list(_after_night(result, form))


def _after_night(result: Mapping[str, Any], form: Form) -> Iterator[str]:
    if result["status"] == "held":
        yield _or_form(
            form("run without the hold", {"lift_hold": True}),
            "To resume: `almanac nightly --lift-hold`",
        )
    if not any(result["documents"].values()) and result["release"] is None:
        yield (
            "The sources hold no document: look at their addresses and globs in "
            "`[sources]`, then run it again."
        )
    if result["quarantine"]["rows"]:
        yield "Quarantine: `almanac quarantine list` has every row with its reason."
        yield _or_form(
            form("read what was rejected again", {"retry_quarantined": True}),
            "After mending the documents: `almanac quarantine retry`; changed files are read by "
            "the next night anyway",
        )
    if any(check["severity"] == "must" for check in result["checks"]):
        yield "A *must* failed: those rows were kept out, and their last good versions stay."
    if result.get("caught_up"):
        yield (
            "Times of the schedule were missed: their rows in `runs` say why. Where a source's "
            "address has `{date}`, they can be made up for into another lakehouse, with the "
            "flow *backfill*."
        )


def _losses(form: Form) -> Iterator[str]:
    yield _STANDS
    yield "Look below at what would be gone. If it should be there: mend the source, run again."
    yield _or_form(
        form("accept the losses", {"accept_losses": True}),
        "If it is meant so: `almanac nightly --accept-losses`, once; `[loss_limits]` has them",
    )


def _candidate(form: Form) -> Iterator[str]:
    yield "What answered before keeps answering; the new index is kept beside it."
    yield 'Try it: `almanac search "…" --as-of N`, and `almanac diff` with the release before.'
    yield _or_form(
        form("publish it", {"accept_upgrade": True}),
        "If it is good: `almanac nightly --accept-upgrade`, or the flow *restore* with its number",
    )
    yield "If not: put the former `[embedder]` and `[chunker]` back."


def _past(form: Form) -> Iterator[str]:
    yield _or_form(form("run it for now", {"as_of": None}), "Run it without `--as-of`")
    yield "What was known then is still there: `almanac search --as-of WHEN`, or *restore*."


def _source(form: Form) -> Iterator[str]:
    yield _STANDS
    yield "See whether the address is right and can be reached with the worker's credentials."
    yield _again(form)


def _lease(form: Form) -> Iterator[str]:
    yield "Nothing was changed. The other writer ends by itself, and a killed one loses its lease."
    yield (
        _again(form) + " How long a run waits for another is `lease.wait_seconds`: 600 where it "
        "was deployed, 0 from a shell, unless set otherwise."
    )


def _config(form: Form) -> Iterator[str]:
    yield "Nothing was done. Put the setting or the parameter right, then start a new run."
    yield "All settings: docs/configuration.md."


def _embedding(form: Form) -> Iterator[str]:
    yield _STANDS
    yield "See whether the model or its endpoint answers and its key is set for the worker."
    yield _again(form) + " What was embedded is stored, and only the rest is asked for."


def _verification(form: Form) -> Iterator[str]:
    yield _STANDS
    yield "`almanac doctor` says what differs; `almanac doctor --heal` mends it from Delta."
    yield _again(form)


def _not_found(form: Form) -> Iterator[str]:
    yield "`almanac history` lists every release with its time."


def _not_open(form: Form) -> Iterator[str]:
    yield "A cold release is opened again by the flow *restore*, mode *reopen*; a gone one is gone."


def _again(form: Form) -> str:
    return _or_form(form("run it again", {}), "Then run it again")


def _or_form(form: Markup, said: str) -> str:
    return f"{said} ({form})." if form else f"{said}."


_REASONS: dict[type[AlmanacError], Callable[[Form], Iterator[str]]] = {
    LossesRefused: _losses,
    CandidateWaits: _candidate,
    TimePast: _past,
    SourceUnavailable: _source,
    LeaseHeld: _lease,
    ConfigError: _config,
    EmbeddingFailed: _embedding,
    VerificationFailed: _verification,
    ReleaseNotFound: _not_found,
    ReleaseNotOpen: _not_open,
}

"""Which releases stay open, which stay in Delta alone, and which go."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lakehouse.releases import Release
from schemas.settings import RetentionSettings


@dataclass(frozen=True, slots=True)
class Verdict:
    """The tier that a release gets, and the rule that says so."""

    release: Release
    tier: str
    rule: str

    @property
    def changes(self) -> bool:
        """Does the release leave the tier that it is in?"""
        return self.tier != self.release.tier


def judge(
    history: Sequence[Release],
    policy: RetentionSettings,
    now: datetime,
    named: Collection[int] = (),
    held: Collection[int] = (),
) -> list[Verdict]:
    """A verdict for each release of a history, newest first.

    `named` are releases that young requests were answered from; `held` those that a version of an
    assistant stays at, or would go back to.

    Days, weeks, months and years are counted as restic does: the last release of each of the last
    so many that have one. A release that left LanceDB does not come back by itself.
    """
    kept = _kept(history, policy, named, held)
    oldest = now - timedelta(days=policy.cold_days) if policy.cold_days else None
    return [_verdict(release, kept, oldest, policy) for release in history]


def _verdict(
    release: Release, kept: dict[int, str], oldest: datetime | None, policy: RetentionSettings
) -> Verdict:
    rule = kept.get(release.seq)
    if release.tier == "gone":
        return Verdict(release, "gone", release.cause)
    if rule and release.tier == "hot":
        return Verdict(release, "hot", rule)
    if oldest and release.logical_time < oldest and not rule:
        return Verdict(release, "gone", f"older than retention.cold_days = {policy.cold_days}")
    return Verdict(release, "cold", f"{rule}, but was let go" if rule else "no rule keeps it open")


def _kept(
    history: Sequence[Release],
    policy: RetentionSettings,
    named: Collection[int],
    held: Collection[int],
) -> dict[int, str]:
    """The first rule that keeps each release that is kept."""
    served = [release for release in history if release.serves]
    kept: dict[int, str] = {}
    for seq, rule in _rules(history, served, policy):
        kept.setdefault(seq, rule)
    for release in history:
        if release.seq in held:
            kept.setdefault(release.seq, "a version of an assistant needs it")
        if release.seq in named:
            rule = f"retention.requests_days = {policy.requests_days}, it answered a request"
            kept.setdefault(release.seq, rule)
    return kept


def _rules(
    history: Sequence[Release], served: Sequence[Release], policy: RetentionSettings
) -> Iterator[tuple[int, str]]:
    if served:
        yield served[0].seq, "answers now"
    for release in history:
        if release.seq in policy.pinned:
            yield release.seq, "retention.pinned"
        if release.kind == "candidate" and (not served or release.seq > served[0].seq):
            yield release.seq, "candidate, not yet decided"
    for release in served[: policy.keep_last]:
        yield release.seq, f"retention.keep_last = {policy.keep_last}"
    for name, period in _PERIODS:
        wanted: int = getattr(policy, name)
        for label, release in list(_last_of_each(served, period))[:wanted]:
            yield release.seq, f"retention.{name} = {wanted}, {label}"


def _last_of_each(
    served: Sequence[Release], period: Callable[[datetime], str]
) -> Iterator[tuple[str, Release]]:
    seen: set[str] = set()
    for release in served:
        label = period(release.logical_time)
        if label not in seen:
            seen.add(label)
            yield label, release


_PERIODS: tuple[tuple[str, Callable[[datetime], str]], ...] = (
    ("daily", lambda moment: moment.strftime("%Y-%m-%d")),
    ("weekly", lambda moment: moment.strftime("%G-W%V")),
    ("monthly", lambda moment: moment.strftime("%Y-%m")),
    ("yearly", lambda moment: moment.strftime("%Y")),
)

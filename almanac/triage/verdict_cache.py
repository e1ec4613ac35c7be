"""Verdicts that stand, and the names of what each depends on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from almanac.core.shown_context import shown_passages
from almanac.llm.judge import Judge
from almanac.triage.case import disliked
from almanac.triage.rules import VERSION
from lakehouse import Lakehouse
from lakehouse.releases import Release
from schemas.feedback import Opinion, Request, Triaged, opinions
from schemas.hashing import canonical_json, sha256_text
from schemas.identity import identity_of_settings
from schemas.settings import Settings
from schemas.times import isoformat

# Settings of the first version that decide a verdict; see `schemas.identity` for later ones.
_UNNAMED = 1  # the version of the rules of verdicts that name none
_RULES = ("k", "supported", "related", "unrelated", "answers", "margin")


def disliked_now(lake: Lakehouse) -> dict[str, Opinion]:
    """Opinions whose latest vote is a dislike, by request."""
    return {name: one for name, one in opinions(lake.votes.rows()).items() if disliked(one)}


def standing(lake: Lakehouse) -> dict[str, Triaged]:
    """The newest verdict on each request that is disliked now."""
    wanted = disliked_now(lake)
    return {name: one for name, one in lake.triage.current().items() if name in wanted}


def new_model_faults(lake: Lakehouse, verdicts: Mapping[str, Triaged]) -> list[str]:
    """Requests whose model's fault no adapter was ever trained on."""
    known = {name for step in lake.adapters.steps() for name in step.trained_on}
    faults = {name for name, one in verdicts.items() if one.cause == "model_fault"}
    return sorted(faults - known)


class Fingerprints:
    """Hashes over all that verdicts of one run depend on, but what voices count.

    That moves with every few labels, and with the verdicts themselves: it is for what is looked
    into from then on, else each labelling would have all looked into again, a judge asked and paid.
    """

    def __init__(self, settings: Settings, judge: Judge | None, now: Release | None) -> None:
        rules = identity_of_settings(settings.triage, _RULES, apart=["batch"])
        self._common: list[Any] = [rules, judge.identity if judge else None]
        self._how = [now.chunker, now.embedder] if now else []

    def of(
        self,
        request: Request,
        opinion: Opinion,
        then: Release | None,
        seen: int | None,
        version: int | None = VERSION,
    ) -> str:
        """Of one request that was answered from `then`; `seen` is the current release it was
        looked at with, None where that could not matter. `version` is that of the rules: a verdict
        of earlier ones stands until something else changes, or all are looked into again."""
        votes = [
            [vote.user_id, isoformat(vote.rated_at), vote.rating, vote.correction]
            for vote in opinion.votes
        ]
        parts = [
            version or _UNNAMED,
            *self._common,
            request.content_hash,
            votes,
            [then.seq, then.digest] if then else None,
            [seen, *self._how] if seen is not None else None,
        ]
        if not request.context and (request.prompt or not request.context_known):
            shown = shown_passages(request)
            parts.append(["shown", *shown.texts, shown.is_all])
        return sha256_text(canonical_json(parts))


def seen_release(triaged: Triaged) -> int | None:
    """The current release that a verdict was made with; None where it could not matter."""
    now = triaged.evidence.get("now")
    return int(now["release"]) if now else None


def watched(triaged: Triaged) -> set[tuple[str, str]]:
    """The documents of the passages in a verdict's evidence."""
    return {(source, doc_id) for source, doc_id in triaged.evidence.get("watched", ())}


def releases_seen(verdicts: Iterable[Triaged], history: Iterable[Release]) -> list[Release]:
    """The releases that these verdicts were made with, as far as they are known."""
    numbers = {seen_release(one) for one in verdicts}
    return [release for release in history if release.seq in numbers]

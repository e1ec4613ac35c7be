"""Triage: find out for every disliked answer why it failed."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from almanac.core.operation import operation
from almanac.core.stems import words
from almanac.costs.recording import recorded
from almanac.embedding.factory import open_encoder
from almanac.feedback.drain import bring_in
from almanac.llm.judge import Judge, open_judge
from almanac.triage.calibration import judge_beside_people, weights
from almanac.triage.case import Case
from almanac.triage.finding import Finding
from almanac.triage.invalidation import Changes
from almanac.triage.labels import of_lake
from almanac.triage.load_case import Answered, Releases, case_of, queries
from almanac.triage.meaning import Model, open_models
from almanac.triage.replay import Held, Replay
from almanac.triage.rules import VERSION, Examination
from almanac.triage.verdict_cache import (
    Fingerprints,
    disliked_now,
    new_model_faults,
    releases_seen,
    seen_release,
    watched,
)
from almanac.triage.voices import Voices
from almanac.triage.worklist import work_list
from lakehouse import Lakehouse
from lakehouse.releases import Release
from schemas.errors import AlmanacError
from schemas.feedback import ACTIONS, Opinion, Request, Triaged
from schemas.settings import Settings

Progress = Callable[[int, int], None]  # (done, total)
_log = logging.getLogger("almanac.triage")


def triage(
    settings: Settings,
    start: datetime | None = None,
    end: datetime | None = None,
    run_id: str | None = None,
    everything: bool = False,
    progress: Progress = lambda done, total: None,
) -> dict[str, Any]:
    """Look into every disliked request asked from `start` to `end` whose verdict may be another.

    A request that was looked into with all the same, and that no document changed since has to do
    with, keeps its verdict, unless `everything` is asked for. Verdicts are stored a batch at a
    time, so a run that was killed goes on where it stood.

    Returns:
        Counts of requests (disliked, looked_into, unchanged, judged), `causes`, the number of
        `new_model_faults`, and the work list of all that stands (`work`).
    """
    bring_in(settings)
    judge = open_judge(settings.judge)
    with (
        operation(settings, "triage", run_id) as (run, lease),
        recorded(settings, run.lake, judge=judge),
    ):
        work = Triage(settings, run.lake, judge, everything)
        disliked = disliked_now(run.lake)
        counts: Counter[str] = Counter()
        causes: Counter[str] = Counter()
        for requests in _batches(run.lake, disliked, start, end, settings.triage.batch):
            found = work.batch(requests, disliked)
            lease.check()
            run.lake.triage.record(found, run.run_id, run.started_at)
            counts.update(disliked=len(requests), looked_into=len(found))
            counts["judged"] += sum("judge" in one.evidence for one in found)
            causes.update(work.known[one.request_id].cause for one in requests)
            progress(counts["disliked"], len(disliked))
            _log.info(
                "triage: %d of %d disliked requests, %d looked into",
                counts["disliked"],
                len(disliked),
                counts["looked_into"],
            )
        standing = {name: one for name, one in work.known.items() if name in disliked}
        run.report = {
            "disliked": counts["disliked"],
            "looked_into": counts["looked_into"],
            "unchanged": counts["disliked"] - counts["looked_into"],
            "judged": counts["judged"],
            "causes": {cause: causes[cause] for cause in ACTIONS if causes[cause]},
            "new_model_faults": len(new_model_faults(run.lake, standing)),
            "by_labels": of_lake(run.lake, standing),
            "judge_by_labels": judge_beside_people(
                run.lake, run.lake.triage_labels.current(), judge
            ),
            "of_earlier_rules": sum(one.rules != VERSION for one in standing.values()),
        }
        return run.report | {"work": work_list(run.lake, standing), "seconds": run.seconds}


def _batches(
    lake: Lakehouse,
    disliked: Mapping[str, Opinion],
    start: datetime | None,
    end: datetime | None,
    size: int,
) -> Iterator[list[Request]]:
    """The requests behind the dislikes, in order of their ids; a vote may have none yet."""
    names = sorted(disliked)
    for at in range(0, len(names), size):
        if requests := lake.requests.rows(names[at : at + size], start, end):
            yield requests


class Triage:
    """One run over batches of requests; `known` has the verdicts as they stand."""

    def __init__(
        self, settings: Settings, lake: Lakehouse, judge: Judge | None, everything: bool
    ) -> None:
        self._settings = settings
        self._judge = judge
        self._everything = everything
        self._releases = Releases(settings, lake)
        self.known = lake.triage.current()
        labels = lake.triage_labels.current()
        counts = weights(labels, self.known)
        beside = judge_beside_people(lake, labels, judge) if judge else {}
        if judge and beside.get("believed") is False:
            _log.warning(
                "the judge %s is not asked: of %d requests that people labelled it found the same "
                "cause in %.0f %%, hardly more than chance (kappa %.2f). Name another model in "
                "[judge], or look at the labels: almanac triage label --report",
                judge.model,
                beside["of"],
                100 * beside["agree"],
                beside["kappa"],
            )
            judge = self._judge = None
        self._prints = Fingerprints(settings, judge, self._releases.now)
        self._voices = Voices(settings.triage, settings.embedder, self._open_models, counts)
        self._seen = releases_seen(self.known.values(), self._releases.history)
        now = self._releases.now
        self._changes = Changes(lake, now, self._seen) if now else None

    def batch(self, requests: Sequence[Request], disliked: Mapping[str, Opinion]) -> list[Triaged]:
        """New verdicts on those of the requests that need one, in their order."""
        answered = {
            one.request_id: self._releases.answered(one, self._found_before(one))
            for one in requests
        }
        due = [
            one
            for one in requests
            if not self._stands(one, disliked[one.request_id], answered[one.request_id])
        ]
        self._encode(due, disliked, answered)
        found = [
            self._examine(one, disliked[one.request_id], answered[one.request_id]) for one in due
        ]
        self.known.update({one.request_id: one for one in found})
        return found

    def _found_before(self, request: Request) -> int | None:
        row = self.known.get(request.request_id)
        return row.evidence["then"].get("release") if row else None

    def _stands(self, request: Request, opinion: Opinion, answered: Answered) -> bool:
        """Was it looked into with all the same, and has nothing since to do with it?"""
        row = self.known.get(request.request_id)
        if row is None or self._everything:
            return False
        seen = seen_release(row)
        # A release that went cold since is not asked again: what it was once asked for stands.
        possible = (self._asked_of(opinion, answered), answered.release)
        if row.fingerprint not in {
            self._prints.of(request, opinion, then, seen, row.rules) for then in possible
        }:
            return False
        return seen is None or not self._touched(row, request, opinion, answered.release, seen)

    def _touched(
        self, row: Triaged, request: Request, opinion: Opinion, then: Release | None, seen: int
    ) -> bool:
        release = next((one for one in self._seen if one.seq == seen), None)
        if release is None or self._changes is None or then is None:
            return True
        keys = self._changes.keys(release)
        if keys & watched(row):
            return True
        replay = self._releases.open(then)
        if not keys or isinstance(replay, AlmanacError):
            return False  # what it was answered from can't be asked again: the verdict stays
        asked, sought = words(request.question), words(opinion.correction or request.response)
        rules = self._settings.triage
        return self._changes.supports(keys, asked, sought, replay.rarity, rules)

    def _encode(
        self,
        due: Sequence[Request],
        disliked: Mapping[str, Opinion],
        answered: Mapping[str, Answered],
    ) -> None:
        """Make the vectors of all questions of a batch at once."""
        encoders = self._releases.encoders
        encoders.forget()
        self._voices.prepare((one, disliked[one.request_id].correction or "") for one in due)
        by_release: dict[int, tuple[Release, list[str]]] = {}
        for one in due:
            opinion = disliked[one.request_id]
            then = self._asked_of(opinion, answered[one.request_id])
            for release in filter(None, (then, then and self._releases.now)):
                asked = queries(one, opinion.correction or one.response)
                by_release.setdefault(release.seq, (release, []))[1].extend(asked)
        for release, texts in by_release.values():
            if encoders.mode(release) == "hybrid":
                encoders.vectors(release, [text for text in texts if text.strip()])

    def _asked_of(self, opinion: Opinion, answered: Answered) -> Release | None:
        """The release that is asked for a verdict: none where users disagree, or it is not open."""
        release = answered.release
        if release is None or opinion.contradicting:
            return None
        return release if isinstance(self._releases.open(release), Replay) else None

    def _examine(self, request: Request, opinion: Opinion, answered: Answered) -> Triaged:
        then = self._asked_of(opinion, answered)
        case = case_of(self._releases, request, opinion, then, self._why(answered))
        replay = self._releases.open(then) if then else None
        found = Examination(
            case, self._settings.triage, self._judge, self._voices, self._wider(replay, case)
        ).run()
        now = self._releases.now if case.then else None
        evidence = _evidence(case, found, now)
        name = self._prints.of(request, opinion, then, now.seq if now else None)
        if any(one.failed for one in found.judged):
            name += ":again"  # the judge was out of reach: the next run asks it
        return Triaged(
            request.request_id,
            found.cause,
            ACTIONS[found.cause],
            evidence,
            found.documents,
            name,
            rules=VERSION,
            voices=_voices(found),
        )

    def _wider(
        self, replay: Replay | AlmanacError | None, case: Case
    ) -> Callable[[], Sequence[Held]]:
        def search() -> Sequence[Held]:
            if not isinstance(replay, Replay):
                return ()
            k = self._settings.triage.wide
            return self._releases.wider(replay, case.request, case.sought, k)

        return search

    def _open_models(self) -> list[Model]:
        """The embedders that compare meaning; the release's is that of the newest one."""
        configured, releases = self._settings.embedder, self._releases
        now = releases.now
        return open_models(
            self._settings.triage.meaning,
            lambda: releases.encoders.of(now) if now else open_encoder(configured),
            configured,
        )

    def _why(self, answered: Answered) -> str:
        """Why the release of a request can't be asked; empty where it can."""
        opened = self._releases.open(answered.release) if answered.release else None
        return str(opened) if isinstance(opened, AlmanacError) else answered.why


def _voices(found: Finding) -> dict[str, Any]:
    """Who agreed with a verdict, and who spoke against it; empty where nobody was asked."""
    agree = list(found.heard.agree) if found.heard else []
    against = list(found.heard.against) if found.heard else []
    for one in found.judged:
        if one.verdict != "not_judged":
            agree.append("judge")
    return {"agree": agree, "against": against} if agree or against else {}


def _evidence(case: Case, found: Finding, now: Release | None) -> dict[str, Any]:
    """Plain data, without any text of a document."""
    then = {"release": case.then.release, "mode": case.then.mode} if case.then else {}
    evidence: dict[str, Any] = {
        "reason": found.reason,
        "then": then or {"unknown": case.unknown},
        "now": {"release": now.seq} if now else None,
        "correction": bool(case.opinion.correction),
        "votes": [[vote.user_id, vote.rating] for vote in case.opinion.votes],
        "signals": list(found.signals),
    }
    if found.judged:
        evidence["judge"] = [one.as_json() for one in found.judged]
    passages = [one["document"] for signal in found.signals for one in signal["passages"]]
    shown = [list(one.key) for one in case.context if one.key]
    keys = {tuple(one) for one in [*passages, *shown, *map(list, found.documents)] if one}
    return evidence | {"watched": sorted(map(list, keys))}

"""From a logged request to a case: its release, its passages there, and what searches find."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from almanac.core.shown_context import shown_passages
from almanac.triage.case import Case, Look, own_rarity
from almanac.triage.replay import Encoders, Held, Replay
from lakehouse import Lakehouse
from lakehouse.documents import Key
from lakehouse.releases import Release, answering, pick
from schemas.errors import AlmanacError, ConfigError, ReleaseNotFound
from schemas.feedback import Opinion, Request
from schemas.settings import Settings
from schemas.times import as_when


@dataclass(frozen=True, slots=True)
class Answered:
    """The release that a request was answered from, or why it is not known."""

    release: Release | None
    why: str = ""


class Releases:
    """The releases of the configured index, each opened once."""

    def __init__(self, settings: Settings, lake: Lakehouse) -> None:
        self._index = settings.index.name
        self._k = settings.triage.k
        self._lake = lake
        self.history = lake.releases(self._index).history()
        self._opened: dict[int, Replay | AlmanacError] = {}
        self.encoders = Encoders(settings.embedder)

    @cached_property
    def now(self) -> Release | None:
        """The release that answers now."""
        return answering(self.history)

    def open(self, release: Release) -> Replay | AlmanacError:
        """A release ready to be asked, or why it is not."""
        if release.seq not in self._opened:
            try:
                self._opened[release.seq] = Replay(self._lake, release, self.encoders)
            except AlmanacError as error:
                self._opened[release.seq] = error
        return self._opened[release.seq]

    def answered(self, request: Request, found: int | None = None) -> Answered:
        """By its number where the log has one, else as `index_version` says.

        A version that reads as a date may be somebody else's: it counts only where every passage
        of the context is a row of the release of that date. `found` is the release that a former
        verdict found so: what can't be opened any more is believed to be that one.
        """
        if request.release is not None:
            named = next((one for one in self.history if one.seq == request.release), None)
            why = f"release {request.release} is not known here"
            return Answered(named, "" if named else why)
        release = self._named(request.index_version)
        ids = [one.chunk_id for one in request.context]
        if release and (release.seq == found or self._has_all(release, ids)):
            return Answered(release)
        return Answered(None, "the release of the request is not known")

    def look(self, replay: Replay, case: Case) -> Look:
        """Search a release for the question, and for question and answer together."""
        found = replay.search(queries(case.request, case.sought), self._k)
        hits = {one.chunk_id: one for some in found for one in some}
        return Look(replay.release.seq, replay.mode, tuple(hits.values()))

    def wider(self, replay: Replay, request: Request, sought: str, k: int) -> tuple[Held, ...]:
        """Passages of a search for question, for both, and for the answer alone."""
        found = replay.search([*queries(request, sought), sought], k)
        return tuple({one.chunk_id: one for some in found for one in some}.values())

    def _named(self, version: str | None) -> Release | None:
        try:
            when = as_when(version)
            return pick(self.history, when, self._index) if when is not None else None
        except (ConfigError, ReleaseNotFound):
            return None

    def _has_all(self, release: Release, chunk_ids: Sequence[str]) -> bool:
        replay = self.open(release)
        if isinstance(replay, AlmanacError) or not chunk_ids:
            return False
        return len(replay.rows(chunk_ids)) == len(set(chunk_ids))


def queries(request: Request, sought: str) -> list[str]:
    """What a release is asked for one request."""
    return [request.question, f"{request.question} {sought}"]


def case_of(
    releases: Releases, request: Request, opinion: Opinion, answered: Release | None, why: str
) -> Case:
    """All that the rules need. Where no release can be asked, `why` says the reason.

    Passages that the log has in the prompt alone count as the request's context.
    """
    shown = shown_passages(request)
    request = replace(request, context=shown.passages, context_known=shown.is_all)
    sought = opinion.correction or request.response
    replay = releases.open(answered) if answered else None
    if not isinstance(replay, Replay):
        plain = tuple(Held(one.chunk_id, one.text) for one in request.context)
        return Case(request, opinion, plain, own_rarity(request, sought), unknown=why)
    context = _located(replay, request)
    bare = Case(request, opinion, context, replay.rarity)
    then = releases.look(replay, bare)
    now = releases.open(releases.now) if releases.now else None
    if not isinstance(now, Replay) or now.release.seq == replay.release.seq:
        return Case(request, opinion, context, replay.rarity, then)
    look = releases.look(now, bare)
    return Case(
        request,
        opinion,
        context,
        replay.rarity,
        then,
        look,
        fresh=_fresh(replay, now, look.hits),
        lost=_lost(replay, now, context),
    )


def _located(replay: Replay, request: Request) -> tuple[Held, ...]:
    """The context's passages as rows of the release, with the text that the model was shown.

    One that is no row stays as it was logged.
    """
    rows = replay.rows(one.chunk_id for one in request.context)
    found = []
    for one in request.context:
        row = rows.get(one.chunk_id) or replay.with_text(one) or Held(one.chunk_id, one.text)
        found.append(replace(row, text=one.text or row.text))
    return tuple(found)


def _fresh(then: Replay, now: Replay, hits: Iterable[Held]) -> tuple[Held, ...]:
    """Hits from documents that are not as they were, but for passages that stood there before."""
    changed = [one for one in hits if _differs(then, now, one.key)]
    before = then.rows(one.chunk_id for one in changed)
    return tuple(one for one in changed if one.chunk_id not in before)


def _lost(then: Replay, now: Replay, context: Iterable[Held]) -> frozenset[str]:
    changed = [one.chunk_id for one in context if one.key and _differs(then, now, one.key)]
    return frozenset(changed) - now.rows(changed).keys()


def _differs(then: Replay, now: Replay, key: Key | None) -> bool:
    return key is not None and then.documents.get(key) != now.documents.get(key)

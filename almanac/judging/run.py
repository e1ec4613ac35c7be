"""The judge's work on what was answered, and how it stands; resumed where it was stopped."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import numpy as np

from almanac.costs.prices import Prices
from almanac.costs.recording import record, spent_by
from almanac.embedding.factory import open_encoder
from almanac.journal import journal_places
from almanac.journal.database import only_one
from almanac.judging.figures import Figure, corrected, figure, plain
from almanac.judging.measures import MEASURES, PROMPT, Likeness, Score, measure
from almanac.judging.sample import Chosen, choose
from almanac.llm.chat import Chat
from lakehouse import Lakehouse, open_lakehouse
from lakehouse.rollouts import Judgement
from schemas.errors import ConfigError, StorageUnavailable
from schemas.feedback import Request, opinions
from schemas.hashing import canonical_json, sha256_text
from schemas.settings import Settings
from schemas.text import normalized

_log = logging.getLogger("almanac.judge")
_BATCH = 20  # answers whose judgements are stored together
_GRACE = timedelta(hours=1)  # for readers of files that were written together
_PATIENCE = 3  # failures in a row after which the judge is asked no more
Scores = Mapping[str, Mapping[str, Judgement]]  # by request and measure


def run(settings: Settings, now: datetime | None = None) -> dict[str, Any]:
    """Judge what was chosen and is not judged yet, and store it; what the figures say then.

    A judge that fails three times in a row is asked no more: the rest waits for the next run. What
    it failed on is asked again then; nothing that is judged and stored is asked again. What it
    cost is stored with what it said. While another run is at work on this machine nothing is asked
    (`busy`), so that no answer is paid for twice.

    Raises:
        ConfigError: no judge is configured.
        EmbeddingFailed: the embedder can't be had.
        StorageUnavailable: the folder of the journal, where a run is locked, can't be written.
    """
    if not settings.judge.model:
        raise ConfigError("no judge is configured: set model and base_url of [judge]")
    chat, now = Chat(settings.judge), now or datetime.now(UTC)
    lake = _lake(settings)
    done = {"asked": 0, "gave_up": False, "busy": True}
    with ExitStack() as stack:
        place = journal_places(lake.location.uri, settings.serving.journal)[0]
        try:  # beside the journal, since the lakehouse may be no folder
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            is_held = stack.enter_context(only_one(place, wait_seconds=0, what="judge"))
        except OSError as error:
            raise StorageUnavailable(
                f"a run of the judge is locked by a file in {place.parent}, which cannot be "
                f"written: {error}. Run it as the user of `almanac serve`, or set serving.journal"
            ) from None
        if is_held:
            done = _judge(settings, lake, chat, now)
    return done | standing(settings, now)


def _judge(settings: Settings, lake: Lakehouse, chat: Chat, now: datetime) -> dict[str, Any]:
    chosen, known = _chosen(settings, lake, now), _known(settings, lake)
    waiting = [one for one in chosen if not _is_done(known.get(one.request.request_id, {}))]
    waiting = _with_texts(lake, waiting[: settings.judging.most_calls])
    likeness, prices = _likeness(settings), Prices(settings)
    asked = failures = 0
    found: list[Judgement] = []
    try:
        for one in waiting:
            scores, has_answered = measure(chat, one.request, likeness)
            asked += 1
            found += _rows(settings, one, scores, has_answered)
            failures = 0 if has_answered else failures + 1
            if len(found) >= _BATCH * len(MEASURES):
                _keep(lake, prices, chat, found)
            if failures >= _PATIENCE:
                _log.warning("the judge failed %d times in a row: the rest waits", failures)
                break
    finally:  # also where a person stops it, or the embedder fails
        _keep(lake, prices, chat, found)
    return {"asked": asked, "gave_up": failures >= _PATIENCE, "busy": False}


def _keep(lake: Lakehouse, prices: Prices, chat: Chat, found: list[Judgement]) -> None:
    """Store what the judge said, which empties the list, and what it cost."""
    record(lake, spent_by(prices, "judge", chat))
    if found:
        lake.judgements.append(found)
        found.clear()
        lake.judgements.tend(_GRACE)
        lake.costs.tend(_GRACE)


def standing(settings: Settings, now: datetime | None = None) -> dict[str, Any]:
    """How the judge stands, without asking it: figures by assistant and version, lag, what waits.

    `lag_hours` is the age of the oldest answer that waits for it; None where none waits.
    """
    now, lake = now or datetime.now(UTC), _lake(settings)
    requests, disliked, liked = _answers(settings, lake, now)
    chosen, known = choose(requests, disliked, settings.judging), _known(settings, lake)
    waits = [one for one in chosen if not _is_done(known.get(one.request.request_id, {}))]
    lag = max(((now - one.request.asked_at).total_seconds() / 3600 for one in waits), default=None)
    by_version: dict[tuple[str, str], list[Request]] = defaultdict(list)
    for request in requests:
        if request.assistant:
            by_version[request.assistant, request.version or ""].append(request)
    drawn = {one.request.request_id for one in chosen if one.why == "drawn"}
    return {
        "judge": settings.judge.model,
        "prompt": _series(settings)[:12],
        "chosen": len(chosen),
        "waiting": len(waits),
        "lag_hours": None if lag is None else round(lag, 1),
        "late": lag is not None and lag > settings.judging.lag_hours,
        "versions": [
            {"assistant": name, "version": version[:12]}
            | _of_version(settings, some, drawn, known, disliked, liked)
            for (name, version), some in sorted(by_version.items())
        ],
    }


def lag(settings: Settings, now: datetime) -> dict[str, Any] | None:
    """How many answers wait for the judge and for how long; None where it never judged any."""
    if not settings.judge.model or not _lake(settings).judgements.of_answers(_series(settings)):
        return None
    found = standing(settings, now)
    return {name: found[name] for name in ("chosen", "waiting", "lag_hours", "late")}


def _of_version(
    settings: Settings,
    requests: Sequence[Request],
    drawn: set[str],
    known: Scores,
    disliked: set[str],
    liked: set[str],
) -> dict[str, Any]:
    ids = [one.request_id for one in requests]
    sample = [name for name in ids if name in drawn]
    figures: dict[str, Figure] = {
        measured: figure(
            [_score(known, name, measured) for name in sample], settings.judging.min_coverage
        )
        for measured in MEASURES
    }
    good = {name: score == 1.0 for name in ids
            if (score := _score(known, name, "faithfulness")) is not None}  # fmt: skip
    count = max(1, len(requests))
    return {
        "answers": len(requests),
        "refused": round(sum(one.status == "refused" for one in requests) / count, 4),
        "empty": round(sum(one.status == "empty" for one in requests) / count, 4),
        "measures": plain(figures),
        "by_people": None
        if figures["faithfulness"].mean is None
        else corrected(
            [good[name] for name in sample if name in good],
            [good[name] for name in ids if name in good and name in liked],
            [good[name] for name in ids if name in good and name in disliked],
        ),
    }


def _answers(
    settings: Settings, lake: Lakehouse, now: datetime
) -> tuple[list[Request], set[str], set[str]]:
    """The requests of the last days, without texts, and which of them people dislike and like."""
    # Whole days: of a day that is cut, others would be the fewest to be drawn with each hour.
    first = (now - timedelta(days=settings.judging.days)).astimezone(UTC).date()
    start = datetime.combine(first, time(), UTC)
    requests = lake.requests.rows(start=start, end=now, texts=False)
    said = opinions(lake.votes.rows([one.request_id for one in requests]))
    disliked = {name for name, one in said.items() if one.rating < 0}
    return requests, disliked, set(said) - disliked


def _chosen(settings: Settings, lake: Lakehouse, now: datetime) -> list[Chosen]:
    requests, disliked, _ = _answers(settings, lake, now)
    return choose(requests, disliked, settings.judging)


def _with_texts(lake: Lakehouse, chosen: Sequence[Chosen]) -> list[Chosen]:
    """The same with the whole requests, but for those that were erased meanwhile."""
    found = lake.requests.rows([one.request.request_id for one in chosen])
    whole = {one.request_id: one for one in found}
    names = [(one, one.request.request_id) for one in chosen]
    return [replace(one, request=whole[name]) for one, name in names if name in whole]


def _known(settings: Settings, lake: Lakehouse) -> Scores:
    found: dict[str, dict[str, Judgement]] = defaultdict(dict)
    for one in lake.judgements.of_answers(_series(settings)):
        found[one.request_id][one.measure] = one
    return found


def _is_done(judged: Mapping[str, Judgement]) -> bool:
    """Did the judge answer on it? What it failed on is asked again."""
    return bool(judged) and not any(one.result.get("failed") for one in judged.values())


def _score(known: Scores, name: str, measured: str) -> float | None:
    one = known.get(name, {}).get(measured)
    return one.score if one and one.verdict == "judged" else None


def _rows(
    settings: Settings, one: Chosen, scores: Mapping[str, Score], has_answered: bool
) -> list[Judgement]:
    at = datetime.now(UTC)
    return [
        Judgement(
            request_id=one.request.request_id,
            judge=str(settings.judge.model),
            ordinal=int(at.timestamp() * 1e6),
            measure=measured,
            verdict="not_judged" if score.value is None else "judged",
            score=score.value or 0.0,
            reason=score.reason,
            rollout=one.request.rollout or "",
            arm=one.request.arm or "",
            result={"why": one.why, "failed": not has_answered},
            prompt=_series(settings),
            at=at,
        )
        for measured, score in scores.items()
    ]


def _series(settings: Settings) -> str:
    """What decides the judgements, prompt included: another judge begins another series."""
    judge = settings.judge
    return sha256_text(
        canonical_json([PROMPT, judge.model, judge.base_url, judge.seed, settings.embedder.model])
    )


def _likeness(settings: Settings) -> Likeness:
    encoder = open_encoder(settings.embedder)

    def cosines(question: str, others: Sequence[str]) -> list[float]:
        texts = [normalized(one) for one in (question, *others)]
        vectors = np.asarray(encoder.encode_queries(texts), np.float64)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return [float(one) for one in vectors[1:] @ vectors[0]]

    return cosines


def _lake(settings: Settings) -> Lakehouse:
    return open_lakehouse(settings.lakehouse, settings.storage_options)

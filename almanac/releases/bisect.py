"""At which release the passages for a question changed, and by which change of a document."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from almanac.releases.diff import difference
from almanac.retrieval.search import Searcher
from lakehouse import open_lakehouse
from lakehouse.releases import Release
from lakehouse.search import Mode
from schemas.errors import AlmanacError
from schemas.settings import Settings
from schemas.times import When, as_utc, isoformat

State = frozenset[tuple[str, str, str]] | bool


def bisect(
    settings: Settings,
    question: str,
    start: When,
    end: When | None,
    expect: str | None,
    k: int,
    mode: Mode,
) -> dict[str, Any]:
    """Search the releases from `start` to `end` for the first that answers otherwise than `start`.

    Otherwise means with other passages; or, with `expect`, that this text came into the passages or
    went. Where it changed to and fro in between, one of the changes is found. Releases that are not
    open are passed over, and counted in `skipped`.

    Returns:
        `changed`; if so `before` and `after`, the two releases side by side, and `because`: what
        `almanac.releases.diff.difference` says of them. `asked` is how many releases were searched.

    Raises:
        AlmanacError: fewer than two releases between the two are open.
    """
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    every = _between(lake.releases(settings.index.name).history(), start, end)
    releases = [one for one in every if one.tier == "hot"]
    skipped = len(every) - len(releases)
    if len(releases) < 2:
        raise AlmanacError(
            f"{len(releases)} open releases from {_said(start)} to {_said(end)}, of {len(every)}: "
            "two are needed; `almanac restore --as-of N --mode reopen` opens a cold one again"
        )

    encoders: dict[str, Any] = {}

    @cache
    def state(at: int) -> State:
        release = releases[at]
        searcher = Searcher.of(settings, lake, release)
        if release.embedder in encoders:
            searcher.__dict__["encoder"] = encoders[release.embedder]
        hits = searcher.search([question], k, mode)[0]
        if mode != "text":
            encoders[release.embedder] = searcher.encoder
        if expect is not None:
            return any(expect.casefold() in hit.text.casefold() for hit in hits)
        return frozenset((hit.source, hit.doc_id, hit.text) for hit in hits)

    last = len(releases) - 1
    if state(0) == state(last):
        return {
            "question": question,
            "expect": expect,
            "changed": False,
            "holds": state(0) if expect is not None else None,
            "releases": len(releases),
            "skipped": skipped,
            "asked": state.cache_info().currsize,
        }
    before, after = _change(lambda at: state(at) == state(0), last)
    old, new = releases[before], releases[after]
    return {
        "question": question,
        "expect": expect,
        "changed": True,
        "came": bool(state(after)) if expect is not None else None,
        "before": _plain(old),
        "after": _plain(new),
        "releases": len(releases),
        "skipped": skipped,
        "asked": state.cache_info().currsize,
        "because": difference(settings, old.seq, new.seq, question, k, mode),
    }


def _change(is_like_first: Callable[[int], bool], last: int) -> tuple[int, int]:
    """Two neighbours of which the first is like the first of all, and the second is not."""
    low, high = 0, last
    while high - low > 1:
        middle = (low + high) // 2
        if is_like_first(middle):
            low = middle
        else:
            high = middle
    return low, high


def _between(history: list[Release], start: When, end: When | None) -> list[Release]:
    """The releases that a date can lead to, oldest first."""

    def is_after(release: Release, when: When, strictly: bool) -> bool:
        if isinstance(when, int):
            return release.seq > when if strictly else release.seq >= when
        moment = as_utc(when)
        return release.logical_time > moment if strictly else release.logical_time >= moment

    served = [one for one in reversed(history) if one.serves]
    # A date is answered by the newest release up to it, which is where the search begins.
    earlier = [one for one in served if not is_after(one, start, strictly=True)]
    first = earlier[-1].seq if earlier else 0
    return [
        one
        for one in served
        if one.seq >= first and (end is None or not is_after(one, end, strictly=True))
    ]


def _plain(release: Release) -> dict[str, Any]:
    return {"release": release.seq, "as_of": isoformat(release.logical_time)}


def _said(when: When | None) -> str:
    if when is None:
        return "now"
    return str(when) if isinstance(when, int) else isoformat(when)

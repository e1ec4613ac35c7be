"""The last nights as one picture: documents and rows, quarantine, embedding, seconds, recall."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from lakehouse import Lakehouse
from schemas.times import parse_when

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NIGHTS = 60
_STAGES = 5  # the longest; the others go together
_DPI = 100
_STOPPED = ("refused", "failed")
# Wong, "Points of view: Color blindness", Nature Methods 8 (2011): told apart by everybody.
_BLUE, _ORANGE, _RED, _GREY = "#0072B2", "#E69F00", "#D55E00", "0.6"
_COLOURS = (_BLUE, _ORANGE, "#009E73", "#CC79A7", "#56B4E9", _GREY)


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one night; None where it did not come so far.

    `documents` is what the sources held, `quarantined` how many of them were rejected, `rows` what
    the index holds, `seconds` by stage, `cost` in the unit of `price_per_million_tokens`.
    """

    at: datetime
    status: str
    documents: int | None = None
    quarantined: int | None = None
    rows: int | None = None
    embedded: int = 0
    cost: float = 0.0
    recall: float | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def quarantine_share(self) -> float | None:
        """Of the documents of the sources, those that were rejected."""
        return (self.quarantined or 0) / self.documents if self.documents else None


def nights(
    lake: Lakehouse, index: str, now: Mapping[str, Any], last: int = NIGHTS
) -> list[Figures]:
    """The last nights of an index by their logical time, and the one that ends `now`."""
    found = [
        figures_of(row["status"], row["report"], row["logical_time"])
        for row in lake.runs.reports(index, last - 1)
    ]
    found.append(figures_of(now["status"], now, parse_when(now["as_of"])))
    return sorted(found, key=lambda night: night.at)


def figures_of(status: str, report: Mapping[str, Any], at: datetime) -> Figures:
    """The figures of a run's report."""
    counts = report.get("documents") or {}
    chunks = report.get("chunks") or {}
    held = sum(number for name, number in counts.items() if name != "deleted")
    return Figures(
        at=at,
        status=status,
        documents=held if counts else None,
        quarantined=counts.get("quarantined"),
        rows=chunks.get("total") or None,
        embedded=chunks.get("embedded", 0),
        cost=report.get("cost") or 0.0,
        recall=(report.get("recall") or {}).get("mean"),
        seconds={
            name: spent
            for name, spent in (report.get("seconds") or {}).items()
            if name not in ("total", "encode")
        },  # encode is a part of embed
    )


def by_stage(found: Sequence[Figures]) -> dict[str, list[float]]:
    """Seconds of each night by stage: the longest stages over all nights, then all the others."""
    names = {name for night in found for name in night.seconds}
    whole = {name: sum(night.seconds.get(name, 0.0) for night in found) for name in names}
    order = sorted(names, key=lambda name: (-whole[name], name))
    chosen, rest = order[:_STAGES], order[_STAGES:]
    rows = {name: [night.seconds.get(name, 0.0) for night in found] for name in chosen}
    if rest:
        rows["others"] = [sum(night.seconds.get(name, 0.0) for name in rest) for night in found]
    return rows


def draw(found: Sequence[Figures]) -> bytes:
    """The nights as a PNG of some 60 kB; where a night was refused or failed stands a red line."""
    from matplotlib import dates
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 7.5))
    figure.subplots_adjust(0.06, 0.07, 0.98, 0.94, wspace=0.14, hspace=0.24)  # found, not searched
    panels = figure.subplots(3, 2, sharex=True).ravel().tolist()
    days = [float(dates.date2num(night.at)) for night in found]  # type: ignore[no-untyped-call]
    _line(panels[0], days, [night.documents for night in found], "documents in the sources")
    _line(panels[1], days, [night.rows for night in found], "rows in the index")
    shares = [night.quarantine_share for night in found]
    _line(panels[2], days, [_percent(share) for share in shares], "quarantined, % of documents")
    _embedding(panels[3], days, found)
    _seconds(panels[4], days, found)
    _line(panels[5], days, [night.recall for night in found], "recall@10 of golden questions")
    for axes in panels:
        for day, night in zip(days, found, strict=True):
            if night.status in _STOPPED:
                axes.axvline(day, color=_RED, linewidth=1, alpha=0.6)
        axes.margins(x=0.03)
        axes.spines[["top", "right"]].set_visible(False)
    locator: Any = dates.AutoDateLocator(minticks=3, maxticks=7)  # type: ignore[no-untyped-call]
    panels[0].xaxis.set_major_locator(locator)
    formatter: Any = dates.ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]
    panels[0].xaxis.set_major_formatter(formatter)
    panels[5].set_ylim(0, 1.03)
    if any(night.status in _STOPPED for night in found):
        figure.text(0.98, 0.975, "red: refused or failed", color=_RED, ha="right")
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=_DPI, metadata={"Software": None})
    return out.getvalue()


def _line(axes: Axes, days: Sequence[float], values: Sequence[float | None], title: str) -> None:
    """One figure by night. A night without it is left out, never a zero."""
    points = [(day, value) for day, value in zip(days, values, strict=True) if value is not None]
    axes.set_title(title, loc="left", fontsize="medium")
    if not points:
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", color=_GREY)
        axes.set_yticks([])
        return
    axes.plot(*zip(*points, strict=True), "-o", color=_BLUE, markersize=3)
    axes.set_ylim(0, 1.15 * max(1.0, *(value for _, value in points)))


def _embedding(axes: Axes, days: Sequence[float], found: Sequence[Figures]) -> None:
    texts, cost = [night.embedded for night in found], sum(night.cost for night in found)
    axes.bar(days, texts, width=_width(days), color=_ORANGE)
    spent = f"; cost {cost:,.4g} in all" if cost else ""
    axes.set_title(f"texts embedded a night{spent}", loc="left", fontsize="medium")


def _seconds(axes: Axes, days: Sequence[float], found: Sequence[Figures]) -> None:
    """Stacked: the longest stages lowest."""
    base = [0.0] * len(found)
    for colour, (name, spent) in zip(_COLOURS, by_stage(found).items(), strict=False):
        axes.bar(days, spent, bottom=base, width=_width(days), color=colour, label=name)
        base = [below + more for below, more in zip(base, spent, strict=True)]
    axes.set_title("seconds by stage", loc="left", fontsize="medium")
    if found and any(base):
        axes.legend(frameon=False, fontsize="small", ncols=3, loc="upper left")
    axes.set_ylim(0, 1.45 * max(1e-9, *base, 0.1))


def _width(days: Sequence[float]) -> float:
    """Of a bar, in days: most of the least gap between two nights, as a date axis counts."""
    gaps = [after - before for before, after in pairwise(days) if after > before]
    return 0.8 * min([*gaps, 1.0])


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share

"""Pictures of a look, as PNG: window against reference; colour-blind people tell them apart."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from almanac.drift.look import Look
from almanac.drift.measures import Seen

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_REFERENCE, _WINDOW = "0.6", "tab:blue"
_DPI = 110
_BINS = 24


def drift_picture(look: Look) -> bytes:
    """A row for each kind: how far each measure moved, and the measure that is best looked at."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 2.6 * len(look.seen)), layout="constrained")
    for row, seen in zip(figure.subplots(len(look.seen), 2), look.seen, strict=True):
        _effects(row[0], seen)
        _detail(row[1], seen)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=_DPI, metadata={"Software": None})
    return out.getvalue()


def _effects(axes: Axes, seen: Seen) -> None:
    """Effects as bars, limits as lines across them."""
    axes.set_title(f"{seen.kind}: {seen.state}", loc="left", fontsize="medium")
    if not seen.measures:
        axes.text(0, 0.5, seen.reason, wrap=True, va="center", transform=axes.transAxes)
        axes.set_axis_off()
        return
    places = range(len(seen.measures))
    colours = ["tab:red" if one.moved else _WINDOW for one in seen.measures]
    axes.barh(places, [one.effect for one in seen.measures], color=colours, height=0.5)
    for at, one in enumerate(seen.measures):
        axes.plot([one.limit, one.limit], [at - 0.4, at + 0.4], "--", color="black")
    axes.set_yticks(places, [one.name for one in seen.measures])
    axes.set_ylim(max(len(seen.measures), 2) - 0.4, -0.6)
    widest = max(max(one.effect, one.limit) for one in seen.measures)
    axes.set(xlim=(0, 1.15 * widest), xlabel="effect (dashed: its limit)")


def _detail(axes: Axes, seen: Seen) -> None:
    drawn = seen.drawn
    if "similarity" in drawn:
        _histogram(axes, drawn["similarity"], "similarity of the nearest passage")
    elif "lengths" in drawn:
        logs = [np.log10(np.maximum(side, 1)).tolist() for side in drawn["lengths"]]
        _histogram(axes, logs, "length of the documents, log10 of characters")
    elif "weeks" in drawn:
        _weeks(axes, drawn["weeks"])
    else:
        axes.set_axis_off()


def _histogram(axes: Axes, sides: Sequence[Sequence[float]], label: str) -> None:
    """Shares of either side by value, the reference filled."""
    values = [*sides[0], *sides[1]]
    steps = np.linspace(min(values), max(values) + 1e-9, _BINS + 1).tolist()
    styles: tuple[Mapping[str, Any], ...] = (
        {"color": _WINDOW, "histtype": "step", "linewidth": 1.8, "label": "window"},
        {"color": _REFERENCE, "alpha": 0.6, "label": "before"},
    )
    for side, style in reversed(list(zip(sides, styles, strict=True))):
        if side:
            axes.hist(side, steps, weights=np.full(len(side), 1 / len(side)), **style)
    axes.set(xlabel=label, ylabel="share")
    axes.legend(frameon=False, fontsize="small")


def _weeks(axes: Axes, weeks: Sequence[Mapping[str, Any]]) -> None:
    """The share of dislikes of each slot with its interval; the last one is the window."""
    for at, one in enumerate(weeks):
        colour = _WINDOW if one["slot"] == 0 else _REFERENCE
        axes.plot([at, at], [one["low"], one["high"]], "-", color=colour)
        axes.plot([at], [one["share"]], "o", color=colour)
    axes.set_xticks(
        range(len(weeks)), [f"-{one['slot']}" if one["slot"] else "window" for one in weeks]
    )
    axes.set(xlabel="windows", ylabel="disliked, 95 % interval", ylim=(0, 1))

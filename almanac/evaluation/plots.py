"""Pictures of a tune and of its evaluation, as PNG; colours that colour-blind people tell apart."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from almanac.evaluation.gate import PART_NAMES, Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BASE, _ADAPTER, _HELD_BACK = "0.5", "tab:blue", "tab:red"
_DPI = 110


def loss_curve(progress: Path) -> bytes:
    """Loss by step, in training and on the inner split; the step of the least there is kept.

    `progress` is a job's progress.jsonl; step 0 is the base. A last line that is torn is left out.
    """
    text = progress.read_text(encoding="utf-8") if progress.is_file() else ""
    rows = [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
    figure = _canvas(8, 4)
    axes = figure.subplots()
    train = [(row["step"], row["loss"]) for row in rows if row.get("loss") is not None]
    held = [(row["step"], row["eval_loss"]) for row in rows if row.get("eval_loss") is not None]
    axes.plot(*_columns(train), "-", color=_ADAPTER, label="training")
    axes.plot(*_columns(held), "--o", color=_HELD_BACK, markersize=4, label="inner split")
    if later := [point for point in held if point[0] > 0]:
        step, loss = min(later, key=lambda point: point[1])
        axes.axvline(step, linestyle=":", color=_BASE)
        axes.plot(
            [step],
            [loss],
            "o",
            color=_HELD_BACK,
            markersize=9,
            fillstyle="none",
            label=f"kept: step {step}, {loss:.3f}",
        )
    axes.set(xlabel="step", ylabel="loss", ylim=(0, None))
    axes.margins(x=0.02)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(frameon=False)
    return _png(figure)


def figures(found: Sequence[Figure]) -> bytes:
    """Means of base and adapter on the left, their difference with its 95 % interval on the right.

    The log-probability margin is on another scale than the shares, and left out.
    """
    rows = [one for one in found if one.questions and one.metric != "margin"]
    figure = _canvas(8, 1.4 + 0.26 * max(len(rows), 1))
    means, changes = figure.subplots(1, 2, sharey=True, width_ratios=(1.2, 1))
    _draw_means(means, rows)
    _draw_changes(changes, rows)
    means.set_yticks(range(len(rows)), [one.metric for one in rows])
    means.set_ylim(max(len(rows), 1) - 0.4, -0.6)
    for part, name in PART_NAMES.items():
        if places := [at for at, one in enumerate(rows) if one.part == part]:
            label = f"{name} ({rows[places[0]].questions})"
            changes.text(
                1.02,
                sum(places) / len(places),
                label.replace(" ", "\n"),
                va="center",
                transform=changes.get_yaxis_transform(),
                fontsize="small",
            )
            for axes in (means, changes) if places[-1] < len(rows) - 1 else ():
                axes.axhline(places[-1] + 0.5, color="0.85", linewidth=0.8)
    return _png(figure)


def _draw_means(axes: Axes, rows: Sequence[Figure]) -> None:
    for at, one in enumerate(rows):
        axes.plot([one.base or 0, one.adapter or 0], [at, at], "-", color="0.8", zorder=1)
    places = range(len(rows))
    axes.plot(
        [one.base or 0 for one in rows],
        places,
        "o",
        color=_BASE,
        markersize=9,
        fillstyle="none",
        label="base",
    )
    axes.plot(
        [one.adapter or 0 for one in rows],
        places,
        "o",
        color=_ADAPTER,
        markersize=5,
        label="adapter",
    )
    least = min((value or 0 for one in rows for value in (one.base, one.adapter)), default=0)
    axes.set(xlim=(min(least, 0) - 0.03, 1.03), xlabel="mean")
    axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)


def _draw_changes(axes: Axes, rows: Sequence[Figure]) -> None:
    """An interval that lies below 0 is drawn as a loss: red, with a square."""
    axes.axvline(0, color=_BASE, linewidth=0.8)
    for at, one in enumerate(rows):
        worse = (one.high or 0) < 0
        colour, mark = (_HELD_BACK, "s") if worse else (_ADAPTER, "o")
        axes.plot([one.low or 0, one.high or 0], [at, at], "-", color=colour)
        axes.plot([one.difference or 0], [at], mark, color=colour, markersize=5)
    axes.set(xlabel="adapter less base, 95 % interval")
    axes.tick_params(left=False)


def _columns(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _canvas(width: float, height: float) -> Any:
    from matplotlib.figure import Figure as Canvas

    return Canvas(figsize=(width, height), layout="constrained")


def _png(figure: Any) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=_DPI, metadata={"Software": None})
    return out.getvalue()

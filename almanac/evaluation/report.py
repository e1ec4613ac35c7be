"""The page that a person approves or rejects an adapter by."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from almanac.core.markdown import Markup, bold, code, quoted, table
from almanac.evaluation.gate import PART_NAMES, PRIMARY, Figure, Verdict
from almanac.evaluation.plots import figures, loss_curve
from almanac.evaluation.scores import METRICS, Metric, Scored

if TYPE_CHECKING:
    from almanac.training.jobs import Job

_SHOWN = 4  # cases that got better, and that got worse
_SHOWN_BY: Metric = "f1"  # which answers are shown; it tells small changes from large ones
_CHANGE = 0.05  # of F1; less is not shown
_PICTURES = 300_000  # characters of all of them; Prefect refuses events of 3 MB
_PASSED = {True: "yes", False: bold("no"), None: "not decided"}
_RECIPE = (
    "epochs",
    "max_steps",
    "learning_rate",
    "batch_size",
    "gradient_accumulation",
    "seed",
    "precision",
    "device",
    "threads",
)


def page(job: Job, manifest: Mapping[str, Any], scored: Sequence[Scored], verdict: Verdict) -> str:
    """The report in Markdown, its pictures within it; the same evaluation, the same page."""
    pictures = {
        "Loss by step": _loss(job),
        "Base and adapter": figures(verdict.figures),
    }
    drawn = _within(pictures)
    parts = [
        _head(job, verdict),
        _checks(verdict),
        _went_in(job, manifest),
        f"## Training\n\n{drawn['Loss by step']}\n\n{_training(job)}",
        f"## Figures\n\n{drawn['Base and adapter']}\n\n{_figures(verdict.figures)}",
        _examples(scored),
        _next(job.adapter_id[:16], verdict),
    ]
    return "\n\n".join(parts) + "\n"


def _loss(job: Job) -> bytes:
    """As it was drawn when training ended, where it was."""
    drawn = job.folder / "loss.png"
    return drawn.read_bytes() if drawn.is_file() else loss_curve(job.folder / "progress.jsonl")


def _head(job: Job, verdict: Verdict) -> str:
    name = f"# Adapter {job.adapter_id[:12]}: {'offered' if verdict.offered else 'not offered'}"
    lines = [name, "", *(f"- {reason}" for reason in verdict.reasons)]
    if verdict.notes:
        lines += ["", "## Instead of training", "", *(f"- {note}" for note in verdict.notes)]
    return "\n".join(lines)


def _checks(verdict: Verdict) -> str:
    rows = ((one.name, _PASSED[one.passed]) for one in verdict.checks)
    return "## Conditions\n\n" + table(("condition", "met"), rows)


def _went_in(job: Job, manifest: Mapping[str, Any]) -> str:
    counts, views = manifest["counts"], manifest["views"]
    method = job.recipe.method
    sides = ", ".join(f"{n} {side.replace('_', ' ')}" for side, n in views[method].items())
    rows = [
        ("dataset", Markup(f"{code(manifest['dataset'][:12])}: {sides} ({method.upper()})")),
        *((name, _counted(counts[name])) for name in ("cause", "origin", "lang", "source")),
        ("left out", _counted(manifest["dropped"])),
        ("personal data masked", _counted(manifest["masked"])),
        ("base", f"{job.base.name}, {job.base.revision}"),
        ("recipe", _counted({name: getattr(job.recipe, name) for name in _RECIPE})),
        ("LoRA", _counted(job.recipe.lora.model_dump(exclude={"target_modules"}))),
    ]
    return "## What went in\n\n" + table(("", ""), rows)


def _counted(counts: Mapping[str, Any]) -> str:
    said = (f"{name.replace('_', ' ')} {n}" for name, n in counts.items() if n is not None)
    return ", ".join(said) or "none"


def _training(job: Job) -> str:
    said = (job.metrics or {}).items()
    rows = ((name, round(value, 4) if isinstance(value, float) else value) for name, value in said)
    return table(("", ""), ((name.replace("_", " "), value) for name, value in rows))


def _figures(found: Iterable[Figure]) -> str:
    measured = [one for one in found if one.questions]
    head = ("", "metric", "questions", "base", "adapter", "difference", "95 % interval", "left out")
    known = {one.metric for one in measured}
    terms = "; ".join(f"{metric}: {said}" for metric, said in METRICS.items() if metric in known)
    return (
        f"{table(head, map(_figure_row, measured))}\n\n{terms}. Intervals: paired "
        "bootstrap. Left out: nothing to measure or not judged, which is never a zero."
    )


def _figure_row(one: Figure) -> tuple[Any, ...]:
    means = (f"{value or 0:.3f}" for value in (one.base, one.adapter))
    interval = f"{one.low or 0:+.3f} to {one.high or 0:+.3f}"
    metric = bold(one.metric) if one.metric == PRIMARY else one.metric
    return (
        PART_NAMES[one.part],
        metric,
        one.questions,
        *means,
        f"{one.difference or 0:+.3f}",
        interval,
        one.missing,
    )


def _examples(scored: Sequence[Scored]) -> str:
    """The cases whose answers gained and lost most, held-back ones, golden and liked alike."""
    changes = [(one.change(_SHOWN_BY), one) for one in scored]
    moved = sorted(
        ((change, one) for change, one in changes if change is not None and abs(change) > _CHANGE),
        key=lambda pair: (pair[0], pair[1].case.case_id),
    )
    worse = [one for change, one in moved if change < 0]
    better = [one for change, one in reversed(moved) if change > 0]
    lines = []
    for name, some in (("better", better), ("worse", worse)):
        lines.append(f"## What got {name}: {len(some)} of {len(scored)} answers")
        if some:
            lines.append(f"By more than {_CHANGE} of F1; the most changed first.")
        lines += [_example(one) for one in some[:_SHOWN]]
    unasked = sum(one.answered.base_answer is None for one in scored)
    if unasked:
        lines.append(f"Not asked, because they do not fit the model's window: {unasked}.")
    return "\n\n".join(lines)


def _example(one: Scored) -> str:
    case, answered = one.case, one.answered
    figures = f"F1 {one.base[_SHOWN_BY] or 0:.2f} → {one.adapter[_SHOWN_BY] or 0:.2f}"
    said = (answered.base_answer, answered.adapter_answer)
    verdicts = [f" ({one.verdict.replace('_', ' ')})" if one else "" for one in one.judgements]
    answers = [Markup(quoted(text) + judged) for text, judged in zip(said, verdicts, strict=True)]
    where = f"{PART_NAMES[case.part]}, {quoted(case.request_id)}, {figures}"
    return "\n".join(
        [
            f"**{quoted(case.question)}** ({where})",
            "",
            f"Context: {quoted(' '.join(case.context)) or 'none'}",
            "",
            table(("right answer", "base", "adapter"), [(quoted(case.reference), *answers)]),
        ]
    )


def _next(name: str, verdict: Verdict) -> str:
    if verdict.offered:
        said = (
            "The adapter is a candidate. Approve it to take it one step on, to staging and then to "
            f"production:\n\n    almanac adapters approve {name} --reason WHY\n"
            f"    almanac adapters reject {name} --reason WHY"
        )
    else:
        said = (
            "The adapter is refused: it is stored with its figures, and cannot be approved. "
            f"`almanac adapters show {name}` has them."
        )
    return f"## Next\n\n{said}"


def _within(pictures: Mapping[str, bytes]) -> dict[str, str]:
    """Each as an image in Markdown, or a word where together they are too large for an event."""
    uris = {name: base64.b64encode(data).decode() for name, data in pictures.items()}
    if sum(map(len, uris.values())) > _PICTURES:
        return {name: f"({name}: the picture is too large for this page)" for name in uris}
    return {name: f"![{name}](data:image/png;base64,{data})" for name, data in uris.items()}

"""What a watch saw as a page for the Prefect UI: what moved, by how much, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from almanac.core.markdown import bold, code, quoted, table
from almanac.drift.look import Look
from almanac.drift.measures import Measure, Seen
from almanac.drift.raising import Raising
from almanac.drift.reactions import EVENTS, REACTIONS
from schemas.settings import DriftSettings
from schemas.times import isoformat

_SHOWN = 10
_WHAT = {
    ("documents", "meaning"): "what the passages are about (vectors)",
    ("documents", "length"): "length of the documents (median, characters)",
    ("documents", "script"): "script of the passages",
    ("questions", "meaning"): "what the questions are about (vectors)",
    ("questions", "distance"): "similarity to the nearest passage (median)",
    ("questions", "language"): "language of the questions",
    ("answers", "dislikes"): "disliked answers",
    ("answers", "model_faults"): "faults of the model",
    ("answers", "retrieval_misses"): "passages that the search missed",
}
_NEXT = {
    "documents": "Add golden questions about what is new, and see that the embedder and "
    "`index.language` know its language: `almanac search` with a few questions of your own. An "
    "approximate index keeps the partitions that it was trained with.",
    "questions": "Read the questions that are furthest from the index: documents are missing "
    "(`almanac triage list` has them where users disliked the answer), or the embedder does not "
    "know these words.",
    "answers": "`almanac triage list` says why answers are disliked, `almanac adapters history` "
    "whether an adapter went into production in the window (`almanac adapters rollback`).",
}


def drift_page(look: Look, raising: Raising, rules: DriftSettings) -> str:
    """All measures with their limits, what was started, and what a person does next."""
    before = rules.window_days * rules.reference_windows
    head = ("kind", "what", "before", "now", "effect", "limit", "p", "verdict")
    lines = [
        f"# Drift: {_said(look.seen)}",
        "",
        f"{isoformat(look.start)} to {isoformat(look.at)}, held against the {before} days before; "
        "documents against those at its start.",
        "",
        table(head, [row for one in look.seen for row in _rows(one)]),
        "",
        "Effects go from 0 to 1: about the share that is another now, less what chance gives. A "
        f"measure moved where its effect reaches its limit and p, corrected for all of them, is at "
        f"most {rules.significance:g}.",
    ]
    lines += [line for one in look.seen for line in _section(one, raising)]
    return "\n".join(lines) + "\n"


def _said(seen: Sequence[Seen]) -> str:
    moved = ", ".join(one.kind for one in seen if one.state == "drift")
    unknown = [one.kind for one in seen if one.state == "unknown"]
    if len(unknown) == len(seen):
        return "no verdict"
    missing = f"; no verdict on {', '.join(unknown)}" if unknown else ""
    return (f"moved: {moved}" if moved else "nothing moved") + missing


def _rows(seen: Seen) -> Iterator[list[Any]]:
    if seen.state == "unknown":
        yield [seen.kind, seen.reason, "", "", "", "", "", "no verdict"]
    for one in seen.measures:
        figures = [_number(one.reference), _number(one.window), f"{one.effect:.3f}"]
        yield [
            seen.kind,
            _WHAT[seen.kind, one.name],
            *figures,
            f"{one.limit:g}",
            f"{one.adjusted:.4f}",
            _verdict(one),
        ]


def _verdict(one: Measure) -> str:
    return bold("moved") if one.moved else "quiet"


def _number(side: float | None) -> str:
    return "" if side is None else f"{side:,.0f}" if side > 1 else f"{side:.3f}"


def _section(seen: Seen, raising: Raising) -> Iterator[str]:
    if seen.state != "drift":
        return
    deployment, parameters = REACTIONS[EVENTS[seen.kind]]
    given = ", ".join(f"{name}: {value}" for name, value in parameters.items())
    yield from ("", f"## {seen.kind.title()}: what to do", "")
    if seen.kind in raising.raised:
        yield f"- Raised {code(EVENTS[seen.kind])}: it starts {code(deployment)} ({given})."
    elif seen.kind in raising.resting:
        yield f"- Was raised before, and rests until {raising.resting[seen.kind]}."
    elif raising.later:
        yield f"- Nothing was started: {raising.later} was watched already, which is later."
    else:
        yield f"- Nothing was started. By hand: {code(deployment)} ({given})."
    yield f"- {_NEXT[seen.kind]}"
    if any(one.moved and one.name == "language" for one in seen.measures):
        yield from _languages(seen.drawn["languages"])
    yield from _examples(seen.drawn)


def _languages(shares: Mapping[str, Sequence[float]]) -> Iterator[str]:
    """Those that moved most, of shares now and before; scripts where the log names no language."""
    found = sorted(shares, key=lambda name: (-abs(shares[name][0] - shares[name][1]), name))
    said = (
        f"{code(name)} {shares[name][1]:.0%} before, {shares[name][0]:.0%} now"
        for name in found[:_SHOWN]
    )
    yield f"- Languages: {'; '.join(said)}."


def _examples(drawn: Mapping[str, Any]) -> Iterator[str]:
    if "added" in drawn:
        counts = (f"{drawn[name]:,} {name}" for name in ("added", "removed", "revised"))
        yield f"- Documents: {', '.join(counts)}."
        yield from (f"  - {quoted(name)}" for name in drawn["examples"][:_SHOWN])
    if "farthest" in drawn:
        rows = [
            (row["question"], row["similarity"], row["nearest"])
            for row in drawn["farthest"][:_SHOWN]
        ]
        yield from ("", table(("question", "similarity", "nearest document"), rows))

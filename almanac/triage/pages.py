"""What triage found as a page for the Prefect UI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from almanac.core.markdown import code, first_of, quoted, table
from schemas.feedback import ACTIONS

_SHOWN = 20


def triage_page(result: Mapping[str, Any]) -> str:
    """Dislikes by cause with what each calls for, what to do next, and the head of the work."""
    causes, work = result["causes"], result["work"]
    lines = [
        f"# Triage: {result['disliked']:,} disliked answers, {result['looked_into']:,} looked into",
        "",
        table(
            ("cause", "requests", "what it calls for"),
            ((cause, causes[cause], ACTIONS[cause]) for cause in causes),
        ),
        *_by_labels(result),
        "",
        "## What to do next",
        "",
        *(f"- {line}" for line in _next_steps(result)),
    ]
    if work:
        rows = (
            (_where(row), row["cause"], row["requests"], quoted(row["example"], 120))
            for row in work[:_SHOWN]
        )
        lines += ["", "## What to mend", ""]
        lines += [table(("document", "cause", "requests", "for example"), rows), ""]
        lines.append(first_of(_SHOWN, len(work), "almanac triage list"))
    return "\n".join(lines).rstrip() + "\n"


def _by_labels(result: Mapping[str, Any]) -> list[str]:
    """How right the verdicts are, as far as people settled causes."""
    causes = result.get("by_labels")
    if not causes:
        return ["", "How right these are nobody knows yet: `almanac triage label`."]
    rows = (
        (cause, _share(one["precision"]), _share(one["recall"]), one["found"], one["there"])
        for cause, one in causes.items()
    )
    head = ("cause", "precision (95 %)", "recall (95 %)", "found", "there")
    lines = ["", "## How right they are, by the labels of people", "", table(head, rows)]
    lines += [
        "",
        "A voice that was heard on five of these labels or more is weighed by them, so the figures "
        "flatter: labels that are drawn from now on tell more.",
    ]
    if judge := result.get("judge_by_labels"):
        lines += [
            "",
            f"The judge agrees with people on {judge['agree']:.0%} of {judge['of']}, kappa "
            f"{judge['kappa']}" + ("; it is not asked." if judge["believed"] is False else "."),
        ]
    return lines


def _share(share: Mapping[str, Any] | None) -> str:
    return f"{share['share']} ({share['low']} to {share['high']})" if share else "unknown"


def _next_steps(result: Mapping[str, Any]) -> list[str]:
    faults, causes = result["new_model_faults"], result["causes"]
    lines = []
    if result["work"]:
        lines.append(
            "Mend the documents below; the table `triage-work-list` can be searched, and "
            "`almanac triage show REQUEST` has the evidence of one."
        )
    if causes.get("not_judged"):
        lines.append(
            "*not_judged*: a correction, the release of the request or a judge (`[judge]`) would "
            "decide them."
        )
    lines.append(
        f"{faults:,} model faults that nothing was trained on yet."
        + (" The flow *tune* trains on them, by itself once there are enough." if faults else "")
    )
    return lines


def _where(row: Mapping[str, Any]) -> str:
    return code(f"{row['source']}: {row['doc_id']}") if row["doc_id"] else "(none)"

"""What the verbs over dislikes print for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from almanac.cli.show import cut, safe, table
from schemas.words import count

Report = Mapping[str, Any]
_SHOWN = 20


def triaged(result: Report) -> str:
    """Counts by cause, then the work list."""
    lines = [
        f"{count(result['disliked'], 'disliked request')}: {result['looked_into']} looked into, "
        f"{result['unchanged']} unchanged.",
        "",
    ]
    lines += [f"  {number:>6}  {cause}" for cause, number in result["causes"].items()]
    if result["judged"]:
        lines.append(f"  a judge was asked about {result['judged']} of them")
    if result.get("of_earlier_rules"):
        lines.append(
            f"  {result['of_earlier_rules']} verdicts are by earlier rules: `almanac triage --all` "
            "looks into them again"
        )
    if result.get("by_labels"):
        lines += ["", "By the labels of people:", *_by_labels(result["by_labels"])]
    if result["judged"] or result.get("judge_by_labels"):
        lines.append(_judge(result.get("judge_by_labels")))
    lines += ["", f"Model faults that nothing was trained on yet: {result['new_model_faults']}."]
    return "\n".join(lines + _work(result["work"]))


def _work(rows: Sequence[Report]) -> list[str]:
    if not rows:
        return []
    shown = [
        (
            str(row["requests"]),
            row["cause"],
            _document(row["source"], row["doc_id"]),
            cut(row["example"]),
        )
        for row in rows[:_SHOWN]
    ]
    lines = ["", table(("requests", "cause", "document", "for example"), shown)]
    if len(rows) > _SHOWN:
        lines.append(f"and {len(rows) - _SHOWN} more: --json")
    actions = {row["cause"]: row["action"] for row in rows}
    return [*lines, "", *(f"  {cause}: {action}" for cause, action in actions.items())]


def _by_labels(causes: Report) -> list[str]:
    """Precision and recall of each cause, with their intervals."""
    return [
        f"  {cause}: precision {_share(row['precision'])}, recall {_share(row['recall'])} "
        f"({row['right']} right, {row['found']} found, {row['there']} there)"
        for cause, row in causes.items()
    ]


def _judge(found: Report | None) -> str:
    """Is the judge to be believed?"""
    if not found:
        return "  the judge was not held against people yet: `almanac triage label`"
    said = (
        f"  the judge: {found['agree']:.0%} agreement with people on "
        f"{count(found['of'], 'request')}, kappa {found['kappa']}"
    )
    if found["believed"] is None:
        return said + "; too few to tell whether it is to be believed"
    return said + ("" if found["believed"] else "; it is not asked any more")


def _replayed(found: Report) -> str:
    """Before and after, and what moved."""
    lines = [f"{count(found['labels'], 'request')} with a label looked into again.", "", "Before:"]
    lines += [*_by_labels(found["before"]), "", "Now:", *_by_labels(found["after"])]
    if found["moved"]:
        rows = [
            (safe(one["request_id"]), one["label"], one["before"] or "", one["after"])
            for one in found["moved"]
        ]
        lines += ["", table(("request", "label", "before", "now"), rows)]
    return "\n".join([*lines, "", "Nothing is stored: `almanac triage --all` lets them stand."])


def _share(share: Report | None) -> str:
    return f"{share['share']} ({share['low']} to {share['high']})" if share else "unknown"


def labelled(result: Report) -> str:
    """What was stored or written, and how right verdicts are by all labels."""
    if "replay" in result:
        return _replayed(result["replay"])
    lines = []
    if "file" in result:
        lines.append(
            f"{count(result['drawn'], 'case')} to settle in {safe(result['file'])}: write a cause "
            "into each, and read them with --in"
        )
    if "stored" in result:
        lines.append(f"{count(result['stored'], 'label')} stored.")
    lines.append(f"{count(result['labels'], 'request')} with a label.")
    lines += _by_labels(result["causes"])
    if result["weights"]:
        shares = (f"{voice} {weight}" for voice, weight in result["weights"].items())
        lines.append(f"  what each voice counts: {', '.join(shares)}")
        lines.append("  these weights are of the same labels, so the figures above flatter")
    if result["judge"]:
        lines.append(_judge(result["judge"]))
    if len(result["rules"]) > 1:
        for version, causes in result["rules"].items():
            lines += ["", f"By version {version} of the rules:", *_by_labels(causes)]
    return "\n".join(lines)


def case(row: Report, causes: Sequence[str]) -> str:
    """One case to settle."""
    lines = ["", f"question    {safe(row['question'])}", f"answer      {safe(row['response'])}"]
    lines.append(f"correction  {safe(row['correction'] or '(none)')}")
    lines += [f"passage     {safe(one)}" for one in row["passages"]]
    lines.append("  ".join(f"{at} {cause}" for at, cause in enumerate(causes, 1)))
    return "\n".join(lines)


def listed(result: Report) -> str:
    """A line a request."""
    rows = [
        (
            safe(row["request_id"]),
            row["cause"],
            ", ".join(_document(*key) for key in row["documents"][:2]),
            cut(row["question"]),
        )
        for row in result["requests"]
    ]
    if not rows:
        return "No disliked request was looked into: run `almanac triage`."
    return table(("request", "cause", "document", "question"), rows)


def shown(result: Report) -> str:
    """One request with its votes, its cause, and each signal against its threshold."""
    request, evidence = result["request"], result["evidence"]
    lines = [
        f"{safe(request['request_id'])}, asked {request['asked_at']} by {safe(request['user_id'])}",
        f"  question  {cut(request['question'])}",
        f"  response  {cut(request['response'])}",
    ]
    for vote in result["votes"]:
        said = vote["correction"] or vote["comment"] or ""
        lines.append(f"  {vote['rating']:+d}        {safe(vote['user_id'])} {cut(said)}".rstrip())
    lines += ["", f"{result['cause']}: {evidence['reason']}", f"  to do: {result['action']}", ""]
    lines += _voices(result.get("voices") or {})
    lines += [f"  answered from {_release(evidence['then'])}"]
    if evidence["now"]:
        lines.append(f"  held against release {evidence['now']['release']}")
    for signal in evidence["signals"]:
        lines += _signal(signal)
    for judged in evidence.get("judge", ()):
        lines.append(
            f"  judge {judged['model']} (prompt {judged['prompt'][:12]}): "
            f"{judged['verdict']}: {safe(judged['reason'])}"
        )
    return "\n".join(lines)


def _voices(voices: Report) -> list[str]:
    """Who agreed with the verdict; nothing for one that was made before there were voices."""
    lines = [
        f"  {title}: {', '.join(voices[key])}"
        for key, title in (("agree", "voices for it"), ("against", "voices against it"))
        if voices.get(key)
    ]
    return lines + [""] * bool(lines)


def _signal(signal: Report) -> list[str]:
    figures = ", ".join(f"{name} {value}" for name, value in signal["figures"].items())
    limits = ", ".join(f"{name} {value}" for name, value in signal["thresholds"].items())
    level = f" → {signal['level']}" if "level" in signal else ""
    lines = [f"  {signal['signal']}: {figures} (thresholds: {limits}){level}"]
    return lines + [
        f"      {_document(*(one['document'] or (None, None)))}  {safe(one['chunk_id'])}"
        for one in signal["passages"]
    ]


def _release(then: Report) -> str:
    if "release" in then:
        return f"release {then['release']}, searched by {then['mode']}"
    return f"a release that can't be asked: {safe(then['unknown']) or 'users disagree'}"


def _document(source: str | None, doc_id: str | None) -> str:
    return safe(f"{source}: {doc_id}") if doc_id else "(no document)"

"""What the verbs over what was print for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from almanac.cli.show import safe, table
from schemas.words import count

Report = Mapping[str, Any]
_SHOWN = 20


def verify(result: Report) -> str:
    """A line a release, then what differs."""
    rows = [
        (
            str(one["release"]),
            one["as_of"],
            one["tier"],
            "ok" if one["ok"] else "DIFFERS",
            str(one["rows"]),
            one["digest"][:16],
            one["mark"] or one["repeats"],
        )
        for one in result["releases"]
    ]
    head = ("release", "as of", "tier", "seal", "rows", "digest", "repeats exactly")
    how = "sizes and probes" if result["quick"] else "every byte"
    lines = [table(head, rows), ""]
    if result["ok"]:
        checked = count(len(rows), "release")
        lines.append(f"Proven: {checked}, {count(result['files'], 'file')} ({how}).")
    return "\n".join(lines + _findings(result["findings"]))


def doctor(result: Report) -> str:
    """Findings by kind, each with the command that mends it."""
    lines = []
    if "healed" in result:
        lines.append(
            f"Healed {count(result['healed'], 'finding')}: {count(result['rows_written'], 'row')} "
            f"written, {count(result['embedded'], 'text')} embedded."
        )
    lines += _upgrades(result)
    if result["ok"]:
        return "\n".join([*lines, "Nothing is wrong."])
    return "\n".join(lines + _findings(result["findings"]))


def _upgrades(result: Report) -> list[str]:
    if not result.get("upgrades"):
        return []
    first = (
        f"The lakehouse has storage format {result['format']}. The next run that writes upgrades it"
        " first, and `almanac upgrade` does it now:"
    )
    return [first, *(f"  {step}" for step in result["upgrades"])]


def upgrade(result: Report) -> str:
    """The steps to the storage format of this version."""
    if not result["steps"]:
        return f"The lakehouse has storage format {result['format']}, the newest."
    would = "Would upgrade" if result["dry_run"] else "Upgraded"
    first = f"{would} the lakehouse from storage format {result['before']}:"
    return "\n".join([first, *(f"  {step}" for step in result["steps"])])


def _findings(findings: Sequence[Report]) -> list[str]:
    kinds: dict[tuple[str, str], list[Report]] = {}
    for finding in findings:
        kinds.setdefault((finding["kind"], finding["mend"]), []).append(finding)
    lines = [count(len(findings), "finding") + ":"] if findings else []
    for (kind, mend), group in kinds.items():
        lines.append(f"  {len(group)} × {kind}, mended by: {mend}")
        lines += [f"      {safe(one['where'])}: {safe(one['reason'])}" for one in group[:_SHOWN]]
        if len(group) > _SHOWN:
            lines.append(f"      and {len(group) - _SHOWN} more: --json")
    return lines


def restore(result: Report) -> str:
    """What was, or would be, restored."""
    of = f"release {result['of']} of {result['as_of']}"
    what = f"{count(result['documents'], 'document')}, {count(result['rows'], 'row')}"
    if said := result.get("nothing_to_do"):
        return f"Nothing to do: {said}."
    if result["dry_run"]:
        seen = result["against_now"]
        lines = [
            f"Would {_VERBS[result['mode']]} {of}: {what}, made with {result['model']}.",
            f"  against release {result['answers_now']}, which answers now: "
            f"{seen['come_back']} documents come back, {seen['go']} go, {seen['differ']} differ",
        ]
        if at := result.get("speaks_for"):
            lines.append(
                f"  the new release would speak for {at}: nights as of an earlier time are "
                "refused after it (--at WHEN chooses another)"
            )
        return "\n".join(lines)
    names = {name: result.get(name) for name in ("release", "uri")}
    lines = [_DONE[result["mode"]].format(of=of, **names) + f" {what}."]
    if "same_answers" in result:
        same = "as they did then" if result["same_answers"] else "NOT as they did then"
        lines.append(f"  the same rows and vectors, digest {result['digest'][:16]}…; probes {same}")
    if result.get("held"):
        lines.append("  nightly runs hold back: `almanac nightly --lift-hold` resumes publishing")
    if result["mark"]:
        lines.append(f"  {result['mark']}")
    lines.append(f"  {result['seconds']:.1f} seconds")
    return "\n".join(lines)


_VERBS = {
    "publish": "point readers back to",
    "copy": "copy",
    "reopen": "build again",
}
_DONE = {
    "publish": "Published release {release}, which answers as {of} did:",
    "copy": "Copied {of} to {uri}:",
    "reopen": "Opened {of} again:",
}


def withdraw(result: Report) -> str:
    """What was, or would be, taken back, and what readers get instead."""
    if said := result.get("nothing_to_do"):
        return f"Nothing to do: {said}."
    of = f"release {result['withdrawn']} of {result['as_of']}"
    then = (
        f"release {result['answers_as']} of {result['answers_as_of']}"
        if result["answers_as"]
        else "no release, until the next night publishes one"
    )
    if result["dry_run"]:
        return f"Would take back {of}. Readers would get {then}."
    lines = [f"Took back {of}, as release {result['release']}. Readers get {then}."]
    lines += [
        "  nightly runs hold back: `almanac nightly --lift-hold` resumes publishing"
    ] * result["held"]
    return "\n".join(lines)


def lease(result: Report) -> str:
    """Who holds the lease."""
    if "holder" not in result:
        return f"The lease is free: {result['why']}."
    who = (
        f"{result['purpose']} ({safe(result['holder'])}), process {result['pid']} on "
        f"{safe(result['host'])}, since {result['since']}, until {result['expires_at']}"
    )
    return f"{'Held' if result['held'] else 'Free'}: {result['why']}.\n  {who}"


def lease_broken(result: Report) -> str:
    """Whom the lease was, or would be, taken from."""
    if said := result.get("nothing_to_do"):
        return f"Nothing to do: {said}."
    if result["dry_run"]:
        return f"Would break the lease.\n{lease(result)}"
    return "The lease is broken; the next writer closes the tables to its holder."


def retention(result: Report) -> str:
    """Releases that leave their tier, what that frees and what it costs."""
    going = [row for row in result["releases"] if row["before"] != row["after"]]
    rows = [
        (
            str(row["release"]),
            row["as_of"],
            f"{row['before']} → {row['after']}",
            _size(row["bytes"]),
            row["rule"],
        )
        for row in going[:_SHOWN]
    ]
    tiers = ", ".join(f"{count} {tier}" for tier, count in sorted(result["tiers"].items()))
    done = result["applied"]
    lines = [f"{'After it' if done else 'It would leave'}: {tiers or 'no release'}."]
    if going:
        lines += ["", table(("release", "as of", "tier", "its own", "because"), rows)]
    if len(going) > _SHOWN:
        lines.append(f"and {len(going) - _SHOWN} more: --json")
    lines += [f"  no longer answered: {said}" for said in result["unanswerable"]]
    if done:
        size = result["bytes"]
        lines.append(
            f"  {_size(size['before'])} before, {_size(size['after'])} after, "
            f"{_size(size['referenced'])} of them needed by open releases and Delta"
        )
    elif going:
        lines.append(f"  {_size(result['bytes_going'])} would go: almanac retention apply")
    return "\n".join(lines)


def erase(result: Report) -> str:
    """The receipt, or what would be touched."""
    if "allowed" in result:
        if result["dry_run"]:
            return "Would allow what that erasure took to come back."
        return "Allowed: `almanac quarantine retry` reads it again."
    numbers = {name: one for name, one in result["touched"].items() if isinstance(one, int)}
    touched = [f"  {number:>8}  {name.replace('_', ' ')}" for name, number in numbers.items()]
    if result["dry_run"]:
        lines = ["Would erase:", *touched]
        if releases := result["touched"].get("releases"):
            lines.append(f"  from {count(len(releases), 'release')}, which are sealed anew")
    else:
        lines = [f"Erased. Receipt {result['receipt']}:", *touched]
        if result["releases"]:
            lines.append(f"  {count(len(result['releases']), 'release')} sealed anew and marked")
        lines.append(f"  {result['outside']}")
    if other := result.get("same_text_elsewhere"):
        lines.append(
            f"  the very same text stands under {', '.join(map(safe, other[:5]))} "
            f"({len(other)} in all) and stays: --copies takes them too"
        )
    return "\n".join(lines)


def _size(number: int) -> str:
    return f"{number / (1 << 20):,.1f} MiB"

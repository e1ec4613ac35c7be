"""Reports of proving, restoring and keeping as pages for the Prefect UI."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from almanac.core.file_check import HEAL
from almanac.core.markdown import code, quoted, table
from schemas.words import count

_SHOWN = 50


def restore_page(result: Mapping[str, Any]) -> str:
    """What was, or would be, restored."""
    of = f"release {result['of']} of {result['as_of']}"
    done = {
        "publish": f"Published release {result.get('release')}, which answers as {of} did",
        "copy": f"Copied {of} to {quoted(result['uri'])}",
        "reopen": f"Opened {of} again",
    }
    plan = {
        "publish": f"Dry run: would point readers back to {of}",
        "copy": f"Dry run: would copy {of} to {quoted(result['uri'])}",
        "reopen": f"Dry run: would build {of} again",
    }
    if said := result.get("nothing_to_do"):
        return f"# Nothing to do: {said}\n"
    lines = [f"# {(plan if result['dry_run'] else done)[result['mode']]}", ""]
    rows = [(name, result[name]) for name in ("documents", "rows", "digest", "model", "mark")]
    if result["dry_run"]:
        seen = result["against_now"]
        rows.append(("answers now", f"release {result['answers_now']}"))
        if at := result.get("speaks_for"):
            rows.append(("logical time of the new release", f"{at}; later nights must be later"))
        rows += [(f"documents that {name.replace('_', ' ')}", seen[name]) for name in seen]
    if "same_answers" in result:
        rows.append(("probes answer as they did", "yes" if result["same_answers"] else "NO"))
    rows += [("reason", result.get("reason", "")), ("seconds", result["seconds"])]
    said = [row for row in rows if row[1] != ""]
    lines += [table(("", ""), said), "", *_after_restore(result)]
    return "\n".join(lines) + "\n"


def withdraw_page(result: Mapping[str, Any]) -> str:
    """What was, or would be, taken back, and what readers get instead."""
    if said := result.get("nothing_to_do"):
        return f"# Nothing to do: {said}\n"
    of = f"release {result['withdrawn']} of {result['as_of']}"
    then = (
        f"release {result['answers_as']} of {result['answers_as_of']}"
        if result["answers_as"]
        else "no release, until the next night publishes one"
    )
    dry_run = result["dry_run"]
    head = f"# {'Dry run: would take back' if dry_run else 'Took back'} {of}"
    rows = [("readers get", then), ("reason", quoted(result["reason"]))]
    if not dry_run:
        rows.append(("stored as", f"release {result['release']}"))
    return "\n".join([head, "", table(("", ""), rows), "", *_after_withdrawal(result)]) + "\n"


def _after_withdrawal(result: Mapping[str, Any]) -> list[str]:
    if result["dry_run"]:
        return ["Nothing was changed. To do it, run it again with *Dry run* switched off."]
    if result["held"]:
        return ["The nights hold back now: run *nightly* with *Lift the hold of a restore*."]
    return ["The next night continues from what the sources hold then: mend them before it."]


def _after_restore(result: Mapping[str, Any]) -> list[str]:
    if result["dry_run"]:
        return ["Nothing was changed. To do it, run it again with *Dry run* switched off."]
    if result.get("held"):
        return [
            "The nights hold back now: run *nightly* with *Resume nightly publishing* to continue."
        ]
    if result["mode"] == "publish":
        return ["The next night continues from what the sources hold then."]
    return []


def verify_page(result: Mapping[str, Any]) -> str:
    """The seals of releases, then what differs and what to do about it."""
    releases, how = result["releases"], "sizes and probes" if result["quick"] else "every byte"
    wrong = [one for one in releases if not one["ok"]]
    said = (
        f"{len(wrong)} of {len(releases)} releases differ" if wrong else "The Delta tables differ"
    )
    if result["ok"]:
        said = f"Proven: {count(len(releases), 'release')}, {count(result['files'], 'file')}"
    shown = [*wrong, *(one for one in releases if one["ok"])][:_SHOWN]
    rows = [
        (
            one["release"],
            one["as_of"],
            one["tier"],
            "ok" if one["ok"] else "DIFFERS",
            one["rows"],
            one["digest"][:16],
            one["mark"] or one["repeats"],
            one["seconds"],
        )
        for one in shown
    ]
    head = ("release", "as of", "tier", "seal", "rows", "digest", "repeats exactly", "seconds")
    lines = [f"# {said} ({how})", "", table(head, rows)]
    if len(releases) > len(shown):
        lines += ["", f"And {len(releases) - len(shown)} more, which are sound."]
    return "\n".join([*lines, "", *_findings(result["findings"])]) + "\n"


def doctor_page(result: Mapping[str, Any]) -> str:
    """What was mended, what is wrong, and what to do about it."""
    found = result["findings"]
    lines = [f"# {count(len(found), 'finding') if found else 'Nothing is wrong'}", ""]
    if "healed" in result:
        lines += [
            f"Mended: {count(result['healed'], 'finding')}. {count(result['rows_written'], 'row')} "
            f"written, {count(result['embedded'], 'text')} embedded.",
            "",
        ]
    return "\n".join([*lines, *_findings(result["findings"])]) + "\n"


def _findings(findings: Sequence[Mapping[str, Any]]) -> list[str]:
    if not findings:
        return ["Nothing to do."]
    rows = [(code(one["kind"]), code(one["where"]), one["reason"]) for one in findings[:_SHOWN]]
    lines = ["## What is wrong", "", table(("kind", "where", "what"), rows)]
    if len(findings) > _SHOWN:
        lines += [
            "",
            f"And {len(findings) - _SHOWN} more: the artifact with the findings has them.",
        ]
    lines += ["", "## What to do", ""]
    for mend, wanted in Counter(one["mend"] for one in findings).items():
        if mend == HEAL:
            mend = f"run *doctor* with *Mend what is found* (`{mend}`)"
        lines.append(f"- {wanted} of {len(findings)}: {mend}")
    return lines


_TIERS = {"hot": "open", "cold": "to be built anew from Delta", "gone": "gone"}


def _retained(result: Mapping[str, Any], going: int) -> str:
    """How many releases change their tier, and how many of each tier are there then."""
    tiers = ", ".join(
        f"{result['tiers'][tier]:,} {said}"
        for tier, said in _TIERS.items()
        if result["tiers"].get(tier)
    )
    if result["applied"]:
        return f"{count(going, 'release') if going else 'No release'} let go; now {tiers or 'none'}"
    if not going:
        return f"Dry run: no release would be let go of {tiers or 'none'}"
    return f"Dry run: {count(going, 'release')} would be let go; then {tiers or 'none'}"


def retention_page(result: Mapping[str, Any]) -> str:
    """Tiers, what leaves its tier and why, and bytes."""
    going = [row for row in result["releases"] if row["before"] != row["after"]]
    rows = [
        (
            row["release"],
            row["as_of"],
            f"{row['before']} → {row['after']}",
            row["bytes"],
            row["rule"],
        )
        for row in going[:_SHOWN]
    ]
    lines = [f"# {_retained(result, len(going))}", ""]
    if rows:
        head_row = ("release", "as of", "tier", "bytes of its own", "because")
        lines.append(table(head_row, rows))
        if len(going) > len(rows):
            lines += ["", f"And {len(going) - len(rows)} more."]
    lines += [f"- No longer answered: {said}" for said in result["unanswerable"]]
    if going and not result["applied"]:
        lines += [
            "",
            "Nothing was changed. To do it: *retention* with *Dry run* switched off. To "
            "keep a release: its number in `retention.pinned`.",
        ]
    if result["applied"]:
        size = result["bytes"]
        lines += [
            "",
            f"{size['before']:,} bytes before, {size['after']:,} after, "
            f"{size['referenced']:,} needed.",
        ]
    return "\n".join(lines) + "\n"

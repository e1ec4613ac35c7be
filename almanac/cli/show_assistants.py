"""What the verbs over prompts and versions print for people."""

from __future__ import annotations

import json

from almanac.cli.show import Report, cut, safe, table
from schemas.words import count

_NOTE = 60  # of its characters in a table
_WORST = 5  # questions that are shown


def pushed(result: Report) -> str:
    """A line a file."""
    return "\n".join(
        f"{one['prompt']} ({one['prompt_id'][:12]}) "
        + ("stored" if one["new"] else f"is stored already, since {one['at']}")
        for one in result["prompts"]
    )


def prompt_list(result: Report) -> str:
    """A line a prompt."""
    rows = [
        (
            one["prompt"],
            one["prompt_id"][:12],
            one["at"],
            safe(one["author"]),
            count(len(one["versions"]), "version"),
            cut(one["note"], _NOTE),
        )
        for one in result["prompts"]
    ]
    head = ("prompt", "id", "stored", "by", "used by", "note")
    return table(head, rows) if rows else "No prompt yet: `almanac prompt push FILE.j2`."


def prompt_shown(result: Report) -> str:
    """Where it is from, its text, and what else it says."""
    lines = [f"{result['prompt']} {result['prompt_id']}"]
    lines += [
        f"  stored {result['at']} by {safe(result['author'])}  {safe(result['note'])}".rstrip()
    ]
    lines += [f"  commit {result['commit']}"] if result["commit"] else []
    lines += ["", result["template"].rstrip()]
    for name in ("roles", "variables", "examples"):
        if name in result:
            lines += ["", f"{name}: {json.dumps(result[name], ensure_ascii=False)}"]
    return "\n".join(lines)


def prompt_difference(result: Report) -> str:
    """The lines as `diff -u` writes them."""
    if result["same"]:
        return f"{result['old']} and {result['new']} are the same."
    return "\n".join(result["lines"])


def preview(result: Report) -> str:
    """The messages one after the other."""
    lines = [
        f"{result['prompt']} ({result['prompt_id'][:12]}): {count(result['passages'], 'passage')}, "
        f"about {count(result['tokens'], 'token')}"
    ]
    if result["as_logged"]:
        lines.append("the same messages, byte for byte, as the request was answered with")
    for message in result["messages"]:
        lines += ["", f"--- {message['role']}", message["content"]]
    return "\n".join(lines)


def created(result: Report) -> str:
    """The version, and what comes next."""
    frozen = f", frozen from {result['frozen_from'][:12]}" if result["frozen_from"] else ""
    short = result["version"][:12]
    return (
        f"Version {short} of {result['assistant']}: prompt {result['prompt']}, {result['model']}, "
        f"release {result['release']}{frozen}\n"
        f"  next: almanac assistant gate {short}"
    )


def listing(result: Report) -> str:
    """A table an assistant; the version that answers is marked."""
    parts = []
    for one in result["assistants"]:
        lines = [f"{one['assistant']}: {(one['answers'] or 'nothing')[:12]} answers"]
        if one["configured"] and one["configured"] != one["answers"]:
            lines[0] += f"; the configuration gives {one['configured'][:12]}"
        rows = [
            (
                ("* " if row["version"] == one["answers"] else "  ") + row["version"][:12],
                row["stage"],
                row["prompt"] or "?",
                row["model"],
                row["release"],
                row["at"],
                safe(row["author"]),
                cut(row["note"], _NOTE),
            )
            for row in one["versions"]
        ]
        head = ("  version", "stage", "prompt", "model", "release", "made", "by", "note")
        parts.append("\n".join([*lines, *([table(head, rows)] if rows else [])]))
    return "\n\n".join(parts)


def showing(result: Report) -> str:
    """All that it answers by, its gates and its steps."""
    lines = [f"{result['version']}: {result['assistant']}, {result['stage']}"]
    if result["frozen_from"]:
        lines.append(f"  frozen from {result['frozen_from'][:12]}")
    lines += [f"  {line}" for line in json.dumps(result["spec"], indent=2).splitlines()]
    for gate in result["gates"]:
        said = "passed" if gate["passed"] else "did not pass"
        lines += [f"  gate {gate['at']} against {gate['against'][:12]}: {said}"]
        lines += [f"    - {safe(reason)}" for reason in gate["reasons"]]
    return "\n".join([*lines, "", history(result)])


def history(result: Report) -> str:
    """The audit as a table."""
    rows = [
        (
            one["at"],
            one["assistant"],
            one["version"][:12],
            one["to"],
            safe(one["actor"]),
            cut(one["reason"], _NOTE),
        )
        for one in result["steps"]
    ]
    head = ("at", "assistant", "version", "to", "by", "reason")
    return table(head, rows) if rows else "No version was moved yet."


def moved(result: Report) -> str:
    """What was done, and what answers now."""
    lines = [
        f"{one['version'][:12]} -> {one['to']}"
        + (f" ({safe(one['reason'])})" * bool(one["reason"]))
        for one in result["steps"]
    ]
    there = result["production"]
    who = f"version {there[:12]} answers" if there else "the configuration answers"
    if there == result["version"] and result["release"] != "latest":
        who += f", from release {result['release']}"
    return "\n".join([*lines, f"{result['assistant']}: {who}."])


def difference(result: Report) -> str:
    """A sentence a value, then the lines of the prompts."""
    if result["same"]:
        return "The same version."
    lines = [f"  {safe(one['words'])}" for one in result["changes"]]
    return "\n".join([f"{result['old'][:12]} -> {result['new'][:12]}", *lines, *result["prompt"]])


def gated(result: Report) -> str:
    """The verdict, its reasons and figures, and the questions whose answers changed most."""
    lines = [
        f"{result['outcome'].upper()}: version {result['candidate'][:12]} against "
        f"{result['current'][:12]} of {result['assistant']}, release {result['release']}",
        *(f"  {safe(one)}" for one in result["changes"]),
        "",
        *(f"  - {safe(one)}" for one in result["reasons"]),
    ]
    moved_ = [one for one in result["questions"] if one["change"]]
    worst = sorted(moved_, key=lambda one: (one["change"], one["id"]))[:_WORST]
    for one in worst:
        must = ", must" if one["must"] else ""
        lines += [
            "",
            f"  {one['change']:+.2f}  {safe(one['id'])}{must}: {cut(one['question'])}",
            f"         ideal  {cut(one['ideal'])}",
            f"         now    {cut(one['current'])}",
            f"         then   {cut(one['candidate'])}",
        ]
    failed = [one for one in result["questions"] if one["change"] is None]
    if failed:
        lines += ["", f"  {count(len(failed), 'question')} not measured: {cut(failed[0]['why'])}"]
    if result["outcome"] == "passed":
        lines += [
            "",
            f"  next: almanac assistant stage {result['candidate'][:12]} staging, then production",
        ]
    return "\n".join(lines)

"""What the verbs over training sets print for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from almanac.cli.show import table
from schemas.words import count

Report = Mapping[str, Any]


def built(result: Report) -> str:
    """The name, what is in it and what is not."""
    split, views = result["split"], result["examples"]
    state = "" if result["new"] else ", which was there already"
    lines = [
        f"Dataset {result['dataset'][:12]}{state}",
        "",
        f"  examples   {split['train']} to train on, {split['held_back']} held back",
        f"  views      {_figures(views)}",
        f"  origin     {_figures(result['counts']['origin'])}",
        f"  masked     {_figures(result['masked'])}",
        "",
        f"  left out   {sum(result['dropped'].values())}",
    ]
    lines += [f"    {number:>6} {reason}" for reason, number in _most(result["dropped"])]
    warned = [f"\n  WARNING: {one}" for one in result.get("warnings", ())]
    return "\n".join([*lines, *warned, "", "  its card: almanac dataset show"])


def listing(result: Report) -> str:
    """A line a dataset."""
    rows = [
        (
            one["dataset"][:12],
            one["at"],
            str(one["split"].get("train", 0)),
            str(one["split"].get("held_back", 0)),
            *(str(one["examples"][name]) for name in _VIEWS),
            f"{one['window']['from'] or 'first'} to {one['window']['to'] or 'last'}",
        )
        for one in result["datasets"]
    ]
    if not rows:
        return "No dataset yet: `almanac dataset build` makes one."
    return table(("dataset", "built", "train", "held back", *_VIEWS, "asked"), rows)


def shown(result: Report) -> str:
    """The card."""
    return str(result["card"]).rstrip("\n")


def exported(result: Report) -> str:
    """The files and their bytes."""
    lines = [f"Dataset {result['dataset'][:12]} in {result['to']}:"]
    return "\n".join([*lines, *(f"  {size:>10} {name}" for name, size in result["files"].items())])


def difference(result: Report) -> str:
    """Counts, and what differs in the rules."""
    lines = [
        f"From {result['before'][:12]} to {result['after'][:12]}: {result['same']} the same, "
        f"{len(result['gone'])} gone, {len(result['new'])} new, "
        f"{count(len(result['changed_side']), 'example')} on another side"
    ]
    for name in ("rules", "versions", "dropped"):
        lines += [
            f"  {name}: {key} was {old}, is {new}" for key, (old, new) in result[name].items()
        ]
    return "\n".join(lines)


_VIEWS = ("sft", "dpo", "kto")


def _figures(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items()) or "none"


def _most(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))

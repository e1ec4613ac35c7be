"""What a look for drift prints for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_SHOWN = 5


def drift(result: Mapping[str, Any]) -> str:
    """Each kind with its measures; where questions moved, those furthest from the index."""
    start, end = result["window"]
    lines = [f"Drift from {start} to {end}:", ""]
    for kind, seen in result["kinds"].items():
        lines += _kind(kind, seen)
    if result["kinds"]["questions"]["state"] == "drift":
        lines += ["", "Furthest from the index:"]
        lines += [
            f"  {row['similarity']:.3f}  {row['question'][:90]}"
            for row in result["farthest"][:_SHOWN]
        ]
    return "\n".join(lines)


def _kind(kind: str, seen: Mapping[str, Any]) -> Iterator[str]:
    yield f"  {kind:<10} {seen['state']}: {seen['reason']}"
    for one in seen["measures"]:
        mark = "moved" if one["moved"] else ""
        figures = f"effect {one['effect']:.3f} of {one['limit']:g}, p {one['adjusted']:.4f}"
        yield f"    {one['name']:<17} {figures}  {mark}".rstrip()

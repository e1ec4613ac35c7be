"""What a tune prints for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_HEAD = {
    "candidate": "Adapter {} passed and waits for a person.",
    "refused": "Adapter {} was refused; nothing is offered.",
}


def tuned(result: Mapping[str, Any]) -> str:
    """The verdict with its reasons, and what to do next."""
    if "adapter_id" not in result:
        return "No tune is due; the log above says why."
    short = result["adapter_id"][:12]
    head = _HEAD.get(result["status"], "Adapter {} is in " + str(result["status"]) + ".")
    metrics = result["metrics"]
    lines = [
        head.format(short),
        "",
        f"  base       {result['base']['name']}",
        f"  dataset    {result['dataset'][:12]}, {result['method']}",
        f"  training   {metrics['steps']} steps, loss on the inner split "
        f"{metrics['first_eval_loss']:.4f} to {metrics['best_eval_loss']:.4f}",
        "",
        *(f"  - {reason}" for reason in result["verdict"]["reasons"]),
        "",
        f"  all figures: almanac adapters show {short}",
    ]
    if result["status"] == "candidate":
        lines.append(f"  next:        almanac adapters approve {short}")
    return "\n".join(lines)

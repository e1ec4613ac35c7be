"""Is a merged model what base and adapter are together?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

from almanac.evaluation.generate import Tokens

if TYPE_CHECKING:
    import torch

# Ten times what was seen on SmolLM2-135M: 18 to 22, whatever the adapter's effect. In bfloat16
# rounding moved a logit by 1.4, as much as a small adapter does: nothing could be told.
_ROUNDINGS = 200
_EPS = 2.0**-23  # of float32
_LAST = 64  # positions of a prompt


def merge_check(
    model: Any, prompts: Sequence[Tokens], merge: Callable[[Any], Any] | None = None
) -> dict[str, Any]:
    """Merge a peft model in float32, in place, and hold its logits against those it had before.

    Compared are the logits at the last 64 positions of each prompt. They pass where they differ by
    no more than rounding does: 200 times float32's distance from 1 to the next number, relative to
    the largest logit (how rounding adds up in sums of products: Higham, "Accuracy and Stability of
    Numerical Algorithms", 2002, chapter 3).

    Returns max_abs_difference (None where a logit is no finite number), tolerance, passed, and for
    comparison scale (the largest logit) and effect (by how much the adapter moves a logit at most).
    """
    import torch

    with torch.inference_mode():
        with model.disable_adapter():
            base = _logits(model, prompts)
        expected = _logits(model, prompts)
        merged = merge(model) if merge else model.merge_and_unload()
        found = _logits(merged, prompts)
    scale = _largest(expected)
    difference = _largest([a - b for a, b in zip(found, expected, strict=True)])
    tolerance = _ROUNDINGS * _EPS * scale
    return {
        "max_abs_difference": difference if isfinite(difference) else None,
        "tolerance": tolerance,
        "passed": difference <= tolerance,
        "scale": scale,
        "effect": _largest([a - b for a, b in zip(expected, base, strict=True)]),
    }


def _logits(model: Any, prompts: Sequence[Tokens]) -> list[torch.Tensor]:
    import torch

    return [
        model(torch.tensor([prompt], device=model.device), logits_to_keep=_LAST).logits[0].double()
        for prompt in prompts
    ]


def _largest(values: Sequence[torch.Tensor]) -> float:
    """The largest magnitude; not a number where one of them is none, which Python's max hides."""
    import torch

    return float(torch.stack([one.abs().max() for one in values]).max())

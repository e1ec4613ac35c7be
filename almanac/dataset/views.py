"""The SFT, DPO and KTO views of a dataset, as trl reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

from almanac.dataset.split import surplus_likes
from schemas.examples import Example, Method, Side
from schemas.feedback import Message

METHODS: tuple[Method, ...] = ("sft", "dpo", "kto")
SIDES: tuple[Side, ...] = get_args(Side)
Row = dict[str, Any]


def view(examples: Iterable[Example], method: Method) -> list[Row]:
    """Rows of one view, in order; every field but `label` is a list of messages.

    SFT: prompt, completion. DPO: prompt, chosen, rejected. KTO: prompt, completion, label, with a
    row for the right answer and one for the wrong one.
    """
    return [row for one in examples if method in one.serves for row in _rows(one, method)]


def on_side(examples: Sequence[Example], side: Side, like_share: float) -> list[Example]:
    """The examples of a side that its views are cut from.

    Held-back likes beyond their share are left out, so that the loss on the held-back view weighs
    likes as training does; they stay in the dataset, for the check against forgetting.
    """
    some = [one for one in examples if one.side == side]
    surplus = surplus_likes(some, like_share)
    return [one for one in some if one.request_id not in surplus]


def view_sizes(examples: Sequence[Example], like_share: float) -> dict[str, dict[str, int]]:
    """Rows of each view by side."""
    sides = {side: on_side(examples, side, like_share) for side in SIDES}
    return {
        method: {side: len(view(some, method)) for side, some in sides.items()}
        for method in METHODS
    }


def totals(sizes: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """Rows of each view, both sides together."""
    return {method: sum(sizes[method].values()) for method in METHODS}


def _rows(example: Example, method: Method) -> list[Row]:
    prompt = list(example.prompt)
    right, wrong = _answer(example.chosen), _answer(example.rejected)
    if method == "sft":
        return [{"prompt": prompt, "completion": right}]
    if method == "dpo":
        return [{"prompt": prompt, "chosen": right, "rejected": wrong}]
    return [
        {"prompt": prompt, "completion": answer, "label": label}
        for answer, label in ((right, True), (wrong, False))
        if answer
    ]


def _answer(text: str | None) -> list[Message]:
    return [] if text is None else [{"role": "assistant", "content": text}]

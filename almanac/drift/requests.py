"""Which requests of the window and of its reference may take each other's place.

Slots of time are those of `lakehouse.request_slots`. A block is all that a user asked in a slot:
sessions, repeated questions and the days of a week stay together. Where too few users ask (all may
ask under one name), it is a day of a user.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from almanac.drift.blocks import Blocks
from lakehouse.request_slots import SlottedRequest

FEWEST_BLOCKS = 5  # in the window


def blocks_of(asked: Sequence[SlottedRequest]) -> Blocks:
    """A block is what a user asked in a slot, or on a day of it where there are few users."""
    users = {request.user_id for request in asked if request.slot == 0}
    daily = len(users) < FEWEST_BLOCKS
    keys = [(row.slot, row.user_id, row.day if daily else 0) for row in asked]
    numbers = {key: at for at, key in enumerate(sorted(set(keys)))}
    window = sum(slot == 0 for slot, _, _ in numbers)  # sorted, so they come first
    of = np.array([numbers[key] for key in keys], np.int64)
    ids = np.arange(len(numbers), dtype=np.int64)
    return Blocks(ids[:window], ids[window:], of, np.ones(len(asked)))


def too_few(asked: Sequence[SlottedRequest], least: int, what: str) -> str:
    """Why these can't be compared; empty where they can."""
    window = sum(request.slot == 0 for request in asked)
    for count, side in ((window, "the window"), (len(asked) - window, "the reference")):
        if count < least:
            return f"too few: {count} of {least} {what} in {side}"
    blocks = len(blocks_of(asked).window)
    if blocks < FEWEST_BLOCKS:
        return f"too few: {blocks} of {FEWEST_BLOCKS} users, or days of users, in the window"
    return ""

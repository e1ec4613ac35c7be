"""Which version a user gets: by a hash, so that it needs no memory and no two servers differ."""

from __future__ import annotations

from hashlib import sha256
from typing import Literal

Arm = Literal["current", "candidate"]
_ALL = 1 << 256


def place(rollout: str, user: str) -> float:
    """Where a user stands in a rollout, from 0 up to 1."""
    digest = sha256(f"{rollout}|{user}".encode()).digest()
    return int.from_bytes(digest, "big") / _ALL


def arm_of(rollout: str, user: str, share: float) -> Arm:
    """The arm of a user. Who is in the candidate's at a share is in it at every greater one."""
    return "candidate" if place(rollout, user) < share else "current"

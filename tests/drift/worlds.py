"""Requests of users with habits of their own, and what may be planted among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from lakehouse.request_slots import SlottedRequest
from lakehouse.search import Hit
from schemas.settings import DriftSettings

END = datetime(2026, 3, 2, tzinfo=UTC)
RULES = DriftSettings(resamples=999)
DIMENSION = 12


def asked(users: int = 24, per_slot: int = 6, seed: int = 0) -> list[SlottedRequest]:
    """Five weeks; each user asks in one burst a week, on a day of their own."""
    rng = np.random.default_rng(seed)
    rows = []
    for slot in range(5):
        for user in range(users):
            day = int(rng.integers(0, 7))
            at = END - timedelta(days=slot * 7 + day, hours=1)
            for number in range(int(rng.integers(1, 2 * per_slot))):
                name = f"{user}-{slot}-{number}"
                rows.append(
                    SlottedRequest(name, f"u{user}", at, slot, day, f"question {name}", "en")
                )
    return rows


def vectors(
    rows: Sequence[SlottedRequest], foreign: float = 0.0, seed: int = 0
) -> NDArray[np.float64]:
    """Unit vectors: each user has a subject; a share of the window's has none of these."""
    rng = np.random.default_rng(seed)
    subjects = {f"u{user}": rng.normal(size=DIMENSION) for user in range(1000)}
    other = rng.normal(size=DIMENSION) * 3
    made = [
        (other if one.slot == 0 and rng.random() < foreign else subjects[one.user_id])
        + rng.normal(size=DIMENSION) * 0.5
        for one in rows
    ]
    found = np.array(made)
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True))


def hits(rows: Sequence[SlottedRequest], further: float = 0.0, seed: int = 0) -> list[Hit]:
    """Similarities around 0.8; a share of the window's around 0.2."""
    rng = np.random.default_rng(seed)
    scores = [
        rng.normal(0.2 if one.slot == 0 and rng.random() < further else 0.8, 0.05) for one in rows
    ]
    return [Hit(1, "page.md", "c", float(score), "", "", "docs") for score in scores]


def in_language(
    rows: Sequence[SlottedRequest], share: float, seed: int = 0
) -> list[SlottedRequest]:
    """A share of the window's questions is asked in Russian."""
    rng = np.random.default_rng(seed)
    return [
        replace(one, lang="ru") if one.slot == 0 and rng.random() < share else one for one in rows
    ]

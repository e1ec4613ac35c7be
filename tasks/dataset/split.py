"""Which side an example is on: drawn once for a question, shared by its session, never changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from lakehouse.training import Rejected
from schemas.examples import Example, Side
from schemas.hashing import sha256_parts, sha256_text
from tasks.dataset.candidates import Candidate

SPLIT = "1"  # raise it with any change of what is drawn or kept here
_DRAWS = 1 << 32


@dataclass(frozen=True, slots=True)
class Split:
    """Candidates with their sides, in order, and those that would stand on both sides.

    `drawn` is the side of every question and session that was met, by its key.
    """

    kept: tuple[Candidate, ...]
    dropped: tuple[Rejected, ...]
    drawn: Mapping[str, Side]


def split(
    candidates: Sequence[Candidate],
    known: Mapping[str, Side],
    held_back: float,
    salt: str,
    near: Mapping[str, Collection[str]] | None = None,
) -> Split:
    """Give each candidate, in the order they come, a side.

    A question that has a side, in `known` or from an earlier candidate, keeps it; a new one follows
    its session and the questions `near` it (of each group those that say nearly the same); where
    none of them has a side, the hash of the question draws. A candidate whose question and session,
    or whose ways to follow, are on different sides is dropped as `bridges_split`. What is on a side
    has its question and its session there, so what comes later, whatever its order, moves nothing.
    """
    drawn: dict[str, Side] = {}
    kept: list[Candidate] = []
    dropped: list[Rejected] = []
    for one in candidates:
        keys = keys_of(one, salt)
        followed = [] if keys[0] in drawn or keys[0] in known else [
            question_key(group, salt) for group in (near or {}).get(one.example.group, ())
        ]  # fmt: skip
        sides = {drawn.get(key) or known.get(key) for key in (*keys, *followed)} - {None}
        if len(sides) > 1:
            dropped.append(Rejected(one.example.request_id, "bridges_split", {}))
            continue
        side = sides.pop() or draw(one.example.group, held_back, salt) if sides else draw(one.example.group, held_back, salt)
        drawn |= dict.fromkeys(keys, side)
        kept.append(replace(one, example=one.example.on(side)))
    return Split(tuple(kept), tuple(dropped), drawn)


def keys_of(candidate: Candidate, salt: str) -> list[str]:
    """The hashes of its question and of its session, if it has one; another salt, other hashes."""
    keys = [sha256_parts("question", salt, candidate.example.group)]
    if candidate.session_id:
        keys.append(sha256_parts("session", salt, candidate.session_id))
    return keys


def draw(group: str, held_back: float, salt: str) -> Side:
    """The side of a question of which nothing is known."""
    drawn = int(sha256_parts("side", salt, group)[:8], 16) / _DRAWS
    return "held_back" if drawn < held_back else "train"


def surplus_likes(examples: Iterable[Example], share: float) -> frozenset[str]:
    """Request ids of the likes beyond a share of the examples, the greatest hashes of them.

    With l likes and f others kept, l <= share * (l + f). Each other example lets more likes in; a
    like that arrives with a smaller hash takes the place of another.
    """
    every = list(examples)
    likes = sorted(
        (one.request_id for one in every if one.origin == "like"),
        key=lambda request_id: (sha256_text(request_id), request_id),
    )
    others = len(every) - len(likes)
    room = len(likes) if share >= 1 else int(share * others / (1 - share) + 1e-9)
    return frozenset(likes[room:])

"""Which side an example is on: drawn once for a question, shared by its session, never changed."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from almanac.dataset.candidates import Candidate
from almanac.guards.texts import essence
from lakehouse.training import Rejected
from schemas.examples import Example, Side
from schemas.hashing import sha256_parts, sha256_text

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
    sides = dict(known)
    kept: list[Candidate] = []
    dropped: list[Rejected] = []
    for one in candidates:
        keys = keys_of(one, salt)
        new = keys[0] not in sides
        alike = (near or {}).get(one.example.group, ()) if new else ()
        follows = [*keys, *(_question_key(group, salt) for group in alike)]
        found = {sides[key] for key in follows if key in sides}
        if len(found) > 1:
            dropped.append(Rejected(one.example.request_id, "bridges_split", {}))
            continue
        side = found.pop() if found else draw(one.example.group, held_back, salt)
        sides |= dict.fromkeys(keys, side)
        kept.append(replace(one, example=one.example.on(side)))
    drawn = {key: sides[key] for one in kept for key in keys_of(one, salt)}
    return Split(tuple(kept), tuple(dropped), drawn)


def keys_of(candidate: Candidate, salt: str) -> list[str]:
    """The hashes of its question and of its session, if it has one; another salt, other hashes."""
    keys = [_question_key(candidate.example.group, salt)]
    if candidate.session_id:
        keys.append(sha256_parts("session", salt, candidate.session_id))
    return keys


def draw(group: str, held_back: float, salt: str) -> Side:
    """The side of a question of which nothing is known."""
    drawn = int(sha256_parts("side", salt, group)[:8], 16) / _DRAWS
    return "held_back" if drawn < held_back else "train"


def near_questions(examples: Iterable[Example], threshold: float) -> dict[str, tuple[str, ...]]:
    """Of each group the others whose question says the same, by Jaccard similarity of its words.

    Prefix filtering as in `guards.near_duplicate`: exact, without comparing all with all.
    """
    said = {one.group: essence(one.question) for one in examples}
    seen = Counter(part for one in said.values() for part in one.parts)
    holders: defaultdict[str, list[str]] = defaultdict(list)
    rarest: dict[str, list[str]] = {}
    for group, one in sorted(said.items()):
        parts = sorted(one.parts, key=lambda part: (seen[part], part))
        rarest[group] = parts[: len(parts) - math.ceil(threshold * len(parts) - 1e-9) + 1]
        for part in rarest[group]:
            holders[part].append(group)
    found = {
        group: sorted({other for part in rarest[group] for other in holders[part]} - {group})
        for group in said
    }
    return {
        group: tuple(one for one in some if said[group].similarity(said[one]) >= threshold)
        for group, some in found.items()
        if some
    }


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


def _question_key(group: str, salt: str) -> str:
    return sha256_parts("question", salt, group)

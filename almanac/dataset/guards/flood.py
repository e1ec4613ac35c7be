"""`flood`: one user must not decide what the model learns."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import ClassVar

from almanac.dataset.candidates import Candidate
from almanac.dataset.guards.rule import Figures
from almanac.guards.texts import plain
from schemas.feedback import Vote

_SAME_CORRECTION = 3  # questions that one user may answer with the same sentence
_SAME_WORD = 20  # and with the same short answer: "yes", "1995"
_SHORT = 4  # words, from which on an answer is a sentence
_SAME_COMMENT = 5  # votes of one user with the same comment within _BURST
_BURST = timedelta(hours=1)


class Flood:
    """At most `limit` examples that one user asked for or judged; the earliest stay.

    Who judged is who wrote the correction, else who voted last. Of one user's identical corrections
    over different questions, and of identical comments in a burst, the first few stay.
    """

    reason: ClassVar[str] = "flood"

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._examples: Counter[str] = Counter()
        self._corrections: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        self._comments: defaultdict[tuple[str, str], list[datetime]] = defaultdict(list)

    def check(self, candidate: Candidate) -> Figures | None:
        """`user`, and `limit` with what was counted: `examples`, `corrections` or `comments`."""
        for user in sorted(_users(candidate)):
            if self._examples[user] >= self._limit:
                return {"user": user, "counted": "examples", "limit": self._limit}
        vote = _deciding(candidate)
        return None if vote is None else self._repeated(candidate, vote)

    def keep(self, candidate: Candidate) -> None:
        """Counts towards its users' limits."""
        self._examples.update(_users(candidate))
        vote = _deciding(candidate)
        if vote is None:
            return
        if candidate.example.origin == "correction":
            said = (vote.user_id, plain(candidate.example.chosen or ""))
            self._corrections[said].add(candidate.example.group)
        if vote.comment:
            self._comments[vote.user_id, plain(vote.comment)].append(vote.rated_at)

    def _repeated(self, candidate: Candidate, vote: Vote) -> Figures | None:
        if candidate.example.origin == "correction":
            said = plain(candidate.example.chosen or "")
            limit = _SAME_CORRECTION if len(said.split()) >= _SHORT else _SAME_WORD
            questions = self._corrections.get((vote.user_id, said), set())
            if len(questions - {candidate.example.group}) >= limit:
                return {"user": vote.user_id, "counted": "corrections", "limit": limit}
        times = self._comments.get((vote.user_id, plain(vote.comment or "")), [])
        if sum(abs(vote.rated_at - at) <= _BURST for at in times) >= _SAME_COMMENT:
            return {"user": vote.user_id, "counted": "comments", "limit": _SAME_COMMENT}
        return None


def _users(candidate: Candidate) -> set[str]:
    vote = _deciding(candidate)
    return {candidate.user_id} | ({vote.user_id} if vote else set())


def _deciding(candidate: Candidate) -> Vote | None:
    """The vote that the example comes from: of the correction, else the latest."""
    if candidate.opinion is None:
        return None
    votes = candidate.opinion.votes
    if candidate.example.origin == "correction":
        wrote = [vote for vote in votes if vote.rating < 0 and vote.correction]
        return wrote[-1] if wrote else votes[-1]
    return votes[-1]

"""What users said: a request as it was answered, a vote on it, and why an answer failed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from schemas.hashing import canonical_json, sha256_text
from schemas.identity import identity_of_record
from schemas.times import isoformat

Message = dict[str, str]  # {"role": ..., "content": ...}
Cause = Literal[
    "source_missing",
    "source_stale",
    "retrieval_missed",
    "model_fault",
    "votes_contradict",
    "answer_right",
    "not_judged",
]
ACTIONS: dict[Cause, str] = {
    "source_missing": "write it down: no document of the release that answered says it",
    "source_stale": "nothing, if the current release has it; else bring the document up to date",
    "retrieval_missed": "look at chunking, embedder and k: the release held it and did not find it",
    "model_fault": "train on it: the context held the answer and the model did not use it",
    "votes_contradict": "ask a person: users disagree",
    "answer_right": "explain it: the answer is what the documents say",
    "not_judged": "add a correction, the release of the request, or a judge",
}


# What the content hash of a request is made of since the first version. A field that `Request` gets
# later enters by itself where a request has it: see `schemas.identity`.
REQUEST_FIELDS = (
    "request_id",
    "asked_at",
    "user_id",
    "question",
    "response",
    "context",
    "session_id",
    "history",
    "prompt",
    "release",
    "index_version",
    "prompt_version",
    "model",
    "adapter",
    "prompt_tokens",
    "completion_tokens",
    "latency_ms",
    "lang",
    "details",
)
Status = Literal["answered", "refused", "empty", "blocked", "failed", "cut"]
# What Almanac's own server says of a request that it answered. A column of such a name in the log
# of another assistant means something else, and stays in `details`.
SERVED_FIELDS = (
    "assistant",
    "version",
    "status",
    "route",
    "guard",
    "params",
    "first_token_ms",
    "trace_id",
    "principals_hash",
    "context_hashes",
    "arm",
    "rollout",
    "cached",
    "cost_micros",
)


@dataclass(frozen=True, slots=True)
class Passage:
    """One passage of the context that the model was shown."""

    chunk_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Request:
    """One question with all that made its answer.

    `prompt` is the final prompt as the model got it: messages, or empty where the log has none.
    `release` is the number of Almanac's release; `index_version` is whatever the application calls
    it. `details` has all else that the log said. Latency is in milliseconds. Where the log does not
    say what the model was shown, `context` is empty and `context_known` False.

    The last fourteen are of requests that Almanac's server answered: `assistant` is the name that
    was asked and `version` the record of all that it answered by; `status` is one of `Status`;
    `route` says which models were tried, chosen and why, `guard` what each guard decided, `params`
    the parameters of generation; `first_token_ms` is the time to the first word. `principals_hash`
    names whose rights were applied, and `context_hashes` are the row hashes of the passages in
    `context`, in its order. `rollout` is the one under way, and `arm` which of its versions
    answered: candidate or current. `cached` is the request whose answer was given again, without a
    model; the prompt is then what a model would have been asked. `cost_micros` is what all of its
    calls of models cost, in millionths of a US dollar; None where a price is not known.

    A field that is added here, with a default, is read from logs (unless it is among
    `SERVED_FIELDS`), stored and hashed without more.
    """

    request_id: str
    asked_at: datetime
    user_id: str
    question: str
    response: str
    context: tuple[Passage, ...] = ()
    session_id: str | None = None
    history: tuple[Message, ...] = ()
    prompt: tuple[Message, ...] = ()
    release: int | None = None
    index_version: str | None = None
    prompt_version: str | None = None
    model: str | None = None
    adapter: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    latency_ms: float | None = None
    lang: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    context_known: bool = True
    assistant: str | None = None
    version: str | None = None
    status: str | None = None
    route: Mapping[str, Any] | None = None
    guard: Mapping[str, Any] | None = None
    params: Mapping[str, Any] | None = None
    first_token_ms: float | None = None
    trace_id: str | None = None
    principals_hash: str | None = None
    context_hashes: tuple[str, ...] = ()
    arm: str | None = None
    rollout: str | None = None
    cached: str | None = None
    cost_micros: int | None = None

    @property
    def content_hash(self) -> str:
        """SHA-256 over all that was said: the same id with another hash is a conflict."""
        return sha256_text(canonical_json(self.as_row()))

    def as_row(self) -> dict[str, Any]:
        """Plain values, for JSON; later fields only where they are used."""
        row = identity_of_record(self, REQUEST_FIELDS, apart=["context_known"])
        return {name: _plain(value) for name, value in row.items()} | {
            "context": [{"chunk_id": one.chunk_id, "text": one.text} for one in self.context],
        }


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return isoformat(value)
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value


@dataclass(frozen=True, slots=True)
class Vote:
    """One user's opinion of one answer at one time.

    `stated` is False for a vote that was read from a request's own log line, where the voter is
    taken to be who asked; such a vote steps back once votes of their own are known.
    """

    request_id: str
    user_id: str
    rated_at: datetime
    rating: int  # 1 | -1
    comment: str | None = None
    correction: str | None = None
    stated: bool = True


@dataclass(frozen=True, slots=True)
class Opinion:
    """All votes on one request, in order of time.

    `rating` is that of the latest vote. `by_user` is the latest vote of each user, who may have
    changed their mind. `correction` is the latest one that comes with a dislike.
    """

    request_id: str
    votes: tuple[Vote, ...]

    @property
    def rating(self) -> int:
        """1 or -1: the latest vote's."""
        return self.votes[-1].rating

    @property
    def mixed(self) -> bool:
        """Likes and dislikes both, of any users; counted in SQL, too: `lakehouse.opinions`."""
        return len({vote.rating for vote in self.votes}) > 1

    @property
    def by_user(self) -> dict[str, Vote]:
        """The latest vote of each user, by their id."""
        return {vote.user_id: vote for vote in self.votes}  # in order of time

    @property
    def contradicting(self) -> bool:
        """Do users disagree? Who changed their mind contradicts nobody: see `mixed`."""
        return len({vote.rating for vote in self.by_user.values()}) > 1

    @property
    def correction(self) -> str | None:
        """The right answer as the latest disliker who gave one wrote it."""
        given = [vote.correction for vote in self.votes if vote.rating < 0 and vote.correction]
        return given[-1] if given else None


def opinions(votes: Iterable[Vote]) -> dict[str, Opinion]:
    """Votes by request, each request's in order of time, then voter, then what was said."""
    found: dict[str, list[Vote]] = {}
    for vote in votes:
        found.setdefault(vote.request_id, []).append(vote)
    return {
        request_id: Opinion(request_id, tuple(sorted(some, key=_order)))
        for request_id, some in sorted(found.items())
    }


def _order(vote: Vote) -> tuple[datetime, str, int, str, str]:
    said = (vote.comment or "", vote.correction or "")
    return (vote.rated_at, vote.user_id, vote.rating, *said)


@dataclass(frozen=True, slots=True)
class Triaged:
    """Why one disliked answer failed.

    `evidence` is plain data: the releases asked, the signals with their figures, the judge's model,
    prompt hash and words where one was asked. `documents` are (source, doc_id) that the work is on.
    `fingerprint` names everything that the verdict depends on: the same one is never made twice.
    `rules` is the version of the rules, None for verdicts from before they had one here. `voices`
    are the names of those that agreed with the verdict (`agree`) and that spoke against it
    (`against`).
    """

    request_id: str
    cause: Cause
    action: str
    evidence: Mapping[str, Any]
    documents: tuple[tuple[str, str], ...]
    fingerprint: str
    rules: int | None = None
    voices: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TriageLabel:
    """What a person says the cause of a dislike is; `labelled_by` is their name."""

    request_id: str
    cause: Cause
    labelled_by: str
    at: datetime
    note: str = ""

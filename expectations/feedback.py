"""The frames of requests and votes that the suites `requests` and `votes` judge."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from schemas.feedback import Request, Vote
from schemas.hashing import canonical_json

if TYPE_CHECKING:
    import pandas as pd

_NUL = re.compile(r"(?<!\\)(\\\\)*\\u0000")  # as JSON writes it, and no text that says so

_OF_REQUESTS = (
    "request_id",
    "user_id",
    "question",
    "response",
    "year",
    "characters",
    "has_nul",
    "unnamed_passages",
    "least_count",
    "release",
)
_OF_VOTES = (
    "request_id",
    "user_id",
    "rating",
    "year",
    "characters",
    "has_nul",
    "corrects_a_like",
)


def requests_frame(requests: Sequence[Request]) -> pd.DataFrame:
    """One row a request, in order; see `request_facts`."""
    import pandas as pd

    return pd.DataFrame([request_facts(one) for one in requests], columns=_OF_REQUESTS)


def votes_frame(votes: Sequence[Vote]) -> pd.DataFrame:
    """One row a vote, in order; see `vote_facts`."""
    import pandas as pd

    return pd.DataFrame([vote_facts(one) for one in votes], columns=_OF_VOTES)


def request_facts(request: Request) -> dict[str, Any]:
    """What the suite looks at of one request.

    `characters` are those of the whole request as JSON, `least_count` is the least of its tokens
    and its latency, `release` 1 where it names none.
    """
    row = canonical_json(request.as_row())
    return {
        "request_id": request.request_id,
        "user_id": request.user_id,
        "question": request.question,
        "response": request.response,
        "year": request.asked_at.year,
        "characters": len(row),
        "has_nul": r"\u0000" in row and _NUL.search(row) is not None,
        "unnamed_passages": sum(not passage.chunk_id.strip() for passage in request.context),
        "least_count": _least(request),
        "release": 1 if request.release is None else request.release,
    }


def vote_facts(vote: Vote) -> dict[str, Any]:
    """The same of a vote. `characters` are those of comment and correction together."""
    said = (vote.comment or "") + (vote.correction or "")
    return {
        "request_id": vote.request_id,
        "user_id": vote.user_id,
        "rating": vote.rating,
        "year": vote.rated_at.year,
        "characters": len(said),
        "has_nul": "\0" in vote.request_id + vote.user_id + said,
        "corrects_a_like": vote.rating == 1 and vote.correction is not None,
    }


def _least(request: Request) -> float:
    counts = (request.prompt_tokens, request.completion_tokens, request.latency_ms)
    return float(min((count for count in counts if count is not None), default=0))

"""The frames of requests and votes that the suites `requests` and `votes` judge."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from schemas.feedback import Request, Vote
from schemas.hashing import canonical_json

if TYPE_CHECKING:
    import pandas as pd

_NUL = re.compile(r"(?<!\\)(\\\\)*\\u0000")  # as JSON writes it, and no text that says so


def requests_frame(requests: Sequence[Request]) -> pd.DataFrame:
    """One row a request, in order.

    `characters` are those of the whole request as JSON, `least_count` is the least of its tokens
    and its latency, `release` 1 where it names none.
    """
    import pandas as pd

    rows = [canonical_json(request.as_row()) for request in requests]
    return pd.DataFrame(
        {
            "request_id": [request.request_id for request in requests],
            "user_id": [request.user_id for request in requests],
            "question": [request.question for request in requests],
            "response": [request.response for request in requests],
            "year": [request.asked_at.year for request in requests],
            "characters": [len(row) for row in rows],
            "has_nul": [r"\u0000" in row and _NUL.search(row) is not None for row in rows],
            "unnamed_passages": [
                sum(not passage.chunk_id.strip() for passage in request.context)
                for request in requests
            ],
            "least_count": [_least(request) for request in requests],
            "release": [1 if request.release is None else request.release for request in requests],
        }
    )


def votes_frame(votes: Sequence[Vote]) -> pd.DataFrame:
    """One row a vote, in order. `characters` are those of comment and correction together."""
    import pandas as pd

    said = [(vote.comment or "") + (vote.correction or "") for vote in votes]
    return pd.DataFrame(
        {
            "request_id": [vote.request_id for vote in votes],
            "user_id": [vote.user_id for vote in votes],
            "rating": [vote.rating for vote in votes],
            "year": [vote.rated_at.year for vote in votes],
            "characters": [len(text) for text in said],
            "has_nul": [
                "\0" in vote.request_id + vote.user_id + text
                for vote, text in zip(votes, said, strict=True)
            ],
            "corrects_a_like": [vote.rating == 1 and vote.correction is not None for vote in votes],
        }
    )


def _least(request: Request) -> float:
    counts = (request.prompt_tokens, request.completion_tokens, request.latency_ms)
    return float(min((count for count in counts if count is not None), default=0))

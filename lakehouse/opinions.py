"""What users think of the answers, counted over the whole log."""

from __future__ import annotations

from dataclasses import dataclass

from lakehouse.delta import DeltaLog

# The rules of `schemas.feedback.Opinion`, in SQL: of a million votes no object each is made.
_COUNTS = """
    WITH votes AS (
        SELECT DISTINCT request_id, user_id, rated_at, rating, comment, correction,
            coalesce(stated, true) AS stated
        FROM log
        QUALIFY stated OR NOT bool_or(coalesce(stated, true)) OVER (PARTITION BY request_id)
    ), ordered AS (
        SELECT *, row_number() OVER (
            PARTITION BY request_id ORDER BY rated_at DESC, user_id DESC, rating DESC,
            coalesce(comment, '') DESC, coalesce(correction, '') DESC
        ) AS nth FROM votes
    ), opinions AS (
        SELECT request_id, count(*) AS votes,
            min(rating) FILTER (nth = 1) AS rating,
            min(correction) FILTER (nth = 1) AS correction,
            count(DISTINCT rating) > 1 AS contradicting
        FROM ordered GROUP BY request_id
    )
    SELECT
        coalesce(sum(votes), 0)::BIGINT AS votes,
        count(*) FILTER (asked AND rating < 0) AS disliked,
        count(*) FILTER (asked AND rating > 0) AS liked,
        count(*) FILTER (asked AND contradicting) AS contradicting,
        count(*) FILTER (asked AND rating < 0 AND correction IS NOT NULL)
            AS disliked_with_correction,
        count(*) FILTER (asked) AS with_a_vote,
        coalesce(sum(votes) FILTER (NOT asked), 0)::BIGINT AS votes_without_a_request
    FROM (
        SELECT opinions.*, requests.request_id IS NOT NULL AS asked
        FROM opinions LEFT JOIN requests USING (request_id)
    )
"""


@dataclass(frozen=True, slots=True)
class OpinionCounts:
    """Requests and votes; per request the latest vote counts.

    contradicting: requests with likes and dislikes both, as `Opinion.mixed`: a changed mind counts,
    too. disliked_with_correction: the latest vote has one. votes_without_a_request: their request
    did not come yet.
    """

    requests: int
    votes: int
    disliked: int
    liked: int
    without_vote: int
    contradicting: int
    disliked_with_correction: int
    votes_without_a_request: int


class Opinions:
    """`requests` and `votes` together."""

    def __init__(self, requests: DeltaLog, votes: DeltaLog) -> None:
        self._requests, self._votes = requests, votes

    def counts(self) -> OpinionCounts:
        """All that are stored now."""
        requests = self._requests.query("SELECT DISTINCT request_id FROM log")
        counts = self._votes.query(_COUNTS, requests=requests).to_pylist()[0]
        without_vote = requests.num_rows - counts.pop("with_a_vote")
        return OpinionCounts(requests=requests.num_rows, without_vote=without_vote, **counts)

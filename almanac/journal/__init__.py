"""The journal: a local write-ahead log of requests and votes, on their way to Delta.

A request or a vote is on the disk when `append_request` or `append_vote` returns, which takes about
a millisecond; `almanac.feedback.drain` moves what is there to the tables `requests` and `votes`. So
each is in the journal or in Delta, for a moment in both, and readers ask both.
"""

from almanac.journal.ids import new_request_id
from almanac.journal.journal import Journal, Pending
from almanac.journal.place import journal_places

__all__ = ["Journal", "Pending", "journal_places", "new_request_id"]

"""For an application: log what it answered, and what its users think of it.

from almanac.client import log_request, log_vote

request_id = log_request("lakehouse", question=..., response=..., context=[...], user_id=...)
log_vote("lakehouse", request_id=request_id, user_id=..., rating=-1, correction=...)
"""

from almanac.feedback.client import log_request, log_vote

__all__ = ["log_request", "log_vote"]

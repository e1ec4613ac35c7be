"""Which scores of a tool are a user's word, and who that is."""

from __future__ import annotations

import re
from typing import Any

# The conventions do not say who judged: these words in a score's name say that a user did.
_BY_USERS = {
    "user",
    "users",
    "human",
    "feedback",
    "thumb",
    "thumbs",
    "vote",
    "votes",
    "rating",
    "likes",
    "csat",
    "stars",
}


def by_a_user(name: Any) -> bool:
    """Does the name of a score or an evaluation say that people gave it?"""
    words = re.findall(r"[A-Z]?[a-z]+", str(name))
    return any(word.lower() in _BY_USERS for word in words)


def asker(user: Any, session: Any, request_id: str) -> str:
    """Who asked. Nobody need be named: then a session stands for its user, or a request for
    itself."""
    return str(user) if user not in (None, "") else f"anonymous:{session or request_id}"

"""Why an endpoint refused a request, told from its status and words."""

from __future__ import annotations

import re
from typing import Literal

Reason = Literal["too_long", "encoding", "dimensions", "unclear"]
STATUSES = (400, 413, 422)  # of a request that the endpoint will not take as it is
_READ = 10_000  # characters of a message; some endpoints repeat the texts in it
_TOO_LONG = re.compile(
    r"context.{0,10}(length|window|size)|too long|too many tokens|token limit"
    r"|(max|maximum|at most|less than|fewer than|exceed|limit|longer)\w{0,20}.{0,60}token"
    r"|token.{0,60}(max|exceed|limit|longer|greater)"
    r"|(input|prompt|text|sequence)\w{0,20}.{0,30}(too (long|large)|exceed)"
    r"|(increase|physical).{0,20}batch size",  # llama.cpp's server
    re.IGNORECASE | re.DOTALL,
)
_ENCODING = re.compile(r"encoding.?format|base64", re.IGNORECASE)
_DIMENSIONS = re.compile(r"dimension|matryoshka", re.IGNORECASE)


class Refused(Exception):
    """An endpoint will not take a request as it is; never leaves this package."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status

    @property
    def reason(self) -> Reason:
        """What of the request is refused, as far as the words tell."""
        message = str(self)
        if _ENCODING.search(message):
            return "encoding"
        if _DIMENSIONS.search(message):
            return "dimensions"
        return "too_long" if self.status == 413 or _TOO_LONG.search(message[:_READ]) else "unclear"

"""Ids of requests that are given when a request arrives, before there is an answer to hash."""

from __future__ import annotations

import secrets
import time

_VERSION, _VARIANT = 0x7 << 76, 0b10 << 62


def new_request_id() -> str:
    """`req-` and 32 hexadecimal digits of a UUID of version 7 (RFC 9562): by time, then chance.

    Two ids of different milliseconds sort as they were made.
    """
    milliseconds = time.time_ns() // 1_000_000
    chance = secrets.randbits(74)
    number = (
        milliseconds << 80 | _VERSION | (chance >> 62) << 64 | _VARIANT | chance & (1 << 62) - 1
    )
    return f"req-{number:032x}"

"""The events of a streamed answer, however their bytes are cut."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from almanac.llm.events import Broken, events


def read(*parts: bytes) -> list[dict[str, Any]]:
    async def come() -> AsyncIterator[bytes]:
        for part in parts:
            yield part

    async def whole() -> list[dict[str, Any]]:
        return [one async for one in events(come())]

    return asyncio.run(whole())


def test_events_are_the_same_however_they_are_cut() -> None:
    told = [{"n": 1, "text": "separators of lines: \u2028 \x85"}, {"n": 2, "text": "ж"}]
    sent = b": a comment\r\nevent: message\n\n"
    sent += b"".join(b"data: %s\n\n" % json.dumps(one, ensure_ascii=False).encode() for one in told)
    sent += b"data:[DONE]\n\ndata: what comes after is passed over\n\n"
    assert read(sent) == told
    assert read(*(sent[at : at + 1] for at in range(len(sent)))) == told


def test_a_stream_may_end_without_a_word_of_it() -> None:
    assert read(b'data: {"n": 1}\n', b'data: 7\ndata:\ndata: {"n": 2}') == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b'data: {"error": {"message": "out of memory"}}\n', "out of memory"),
        (b'data: {"error": "no"}\n', "no"),
        (b'data: {"error": {"code": 1}}\n', "an error amid the answer"),
        (b"data: <html>\n", "no JSON"),
        (b"data: " + b"[" * 100_000 + b"\n", "no JSON"),
        (b"data: " + b"x" * (17 << 20), "a line of more than 16,777,216 bytes"),
    ],
)
def test_what_is_no_answer_is_told(sent: bytes, said: str) -> None:
    with pytest.raises(Broken, match=said):
        read(sent)

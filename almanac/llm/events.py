"""The events of a streamed answer, as OpenAI's form has them: one line of JSON each.

The client's own reading makes an object of several models of each, which costs more than all that
Almanac does with a word.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

_LONGEST = 16 << 20  # bytes of a line
_DATA, _END = b"data:", b"[DONE]"


class Broken(ValueError):
    """The stream says that it failed, or is none."""


async def events(parts: AsyncIterator[bytes]) -> AsyncGenerator[dict[str, Any]]:
    """The objects of a stream until its end; what is no object is passed over.

    What comes after the end is read as well, so that the connection can be used again.

    Raises:
        Broken: an event is an error, no JSON, or without an end.
    """
    held, is_over = b"", False
    async for part in parts:
        *lines, held = (held + part).split(b"\n")
        if len(held) > _LONGEST:
            raise Broken(f"a line of more than {_LONGEST:,} bytes")
        for line in lines:
            if is_over or not line.startswith(_DATA):
                continue  # a comment, a name, an empty line
            content = line[len(_DATA) :].strip()
            is_over = content.startswith(_END)
            if not is_over and content and (found := _object(content)):
                yield found
    if not is_over and held.startswith(_DATA) and (last := held[len(_DATA) :].strip()) != _END:
        found = _object(last) if last else None
        if found:
            yield found


def _object(content: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Broken(f"an event that is no JSON: {error}") from None
    if not isinstance(found, dict):
        return None
    if failure := found.get("error"):
        said = failure.get("message") if isinstance(failure, dict) else failure
        raise Broken(str(said or "an error amid the answer"))
    return found

"""How a value from somebody's document is shown in a report, on one line."""

from __future__ import annotations

LONGEST = 200


def shown(value: object) -> str:
    """`value` as at most 200 printable characters.

    Control characters, invisible ones and blanks other than the space are written as escapes, so
    that a report or a terminal shows what is there and obeys none of it.
    """
    text = str(value)
    head = text[: LONGEST + 1]
    escaped = head if head.isprintable() else "".join(map(_escaped, head))
    return escaped if len(escaped) <= LONGEST else escaped[: LONGEST - 1] + "…"


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")

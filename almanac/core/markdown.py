"""Markdown of what others wrote: texts, ids and errors from outside never act on a page.

A cell of a table is escaped unless it is `Markup`, which the functions here return.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

_LONGEST = 280
# What acts on Markdown, HTML or mathematics; an underscore does not within a word.
_ACTS = re.compile(r"[\\`*\[\]<>|#~$&]|(?<![^\W_])_|_(?![^\W_])")


class Markup(str):
    """Markdown as it is meant."""

    __slots__ = ()


LinkRun = Callable[[str], Markup]  # a run's id as Markdown, with a link where there is a page of it


def quoted(value: Any, longest: int = _LONGEST) -> Markup:
    """A text on one line, cut, and without what Markdown or HTML would act on."""
    return Markup(_ACTS.sub(r"\\\g<0>", _line(value, longest)))


def code(value: Any, longest: int = _LONGEST) -> Markup:
    """The same as code: for ids and names. Empty stays empty."""
    safe = _line(value, longest).replace("`", "'").replace("|", "\\|")
    return Markup(f"`{safe}`" if safe.strip() else "")


def command(text: str) -> Markup:
    """A command to be copied, outside of a table: as `code`, but with its own backticks.

    Replaced by quotes they would end those of the shell, and what follows them would run.
    """
    said = _line(text, 2_000)
    fence = "`" * (1 + max(map(len, re.findall("`+", said)), default=0))
    return Markup(f"{fence} {said} {fence}" if len(fence) > 1 else f"`{said}`")


def link(url: str, text: str) -> Markup:
    """A link to a page."""
    address = url.replace("(", "%28").replace(")", "%29").replace(" ", "%20").replace("<", "%3C")
    return Markup(f"[{quoted(text)}]({address})")


def bold(value: Any) -> Markup:
    """In bold."""
    return Markup(f"**{cell(value)}**")


def cell(value: Any) -> Markup:
    """A value as it may stand anywhere."""
    return value if isinstance(value, Markup) else quoted("" if value is None else value)


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table; `none` where there is no row. Numbers alone in a column stand right."""
    body = [list(row) for row in rows]
    if not body:
        return f"{head[0]}: none"
    marks = [" ---: |" if _is_number(column) else " --- |" for column in zip(*body, strict=True)]
    lines = ["| " + " | ".join(head) + " |", "|" + "".join(marks)]
    return "\n".join(lines + ["| " + " | ".join(map(cell, row)) + " |" for row in body])


def first_of(shown: int, total: int, every: str) -> str:
    """A line below a table that was cut: how much of it is there, and what has all of it."""
    if shown >= total:
        return ""
    return f"The first {shown:,} of {total:,}; all of them: {command(every)}."


def _line(value: Any, longest: int) -> str:
    text = " ".join(str(value).split())
    text = text if len(text) <= longest else text[: longest - 1] + "…"
    return "".join(char if char.isprintable() else "·" for char in text)


def _is_number(column: Iterable[Any]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in column)

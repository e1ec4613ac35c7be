"""A passage as a person reads it in a list of hits; what is stored stays as it is."""

from __future__ import annotations

import re

_TEMPLATES = re.compile(
    # Jinja's and mkdocs' tags: {% raw %}, {# note #}, {* file.py hl[3] *}
    r"\{[%#*].{0,500}?[%#*]\}"
    r"|\{\s*[#.][\w.:#\s-]*\}"  # attributes of a heading: { #optional-parameters }
    r"|<!--.{0,2000}?-->"
    # inline HTML
    r"|</?(?:abbr|b|br|dfn|em|font|i|kbd|mark|span|strong|sub|sup|u)(?:\s[^<>]*)?/?>",
    re.DOTALL,
)
_HEADINGS = re.compile(r"^[^\S\n]*#{1,6}[^\S\n]+(.*)$", re.MULTILINE)
_BETWEEN = " › "


def readable_heading(heading: str) -> str:
    """A heading path without templates and inline HTML."""
    return _TEMPLATES.sub("", heading).strip()


def readable(heading: str, text: str) -> tuple[str, str]:
    """The heading path, and the text on one line without templates and without that path again.

    A text that is nothing but its heading is given as it is.
    """
    plain = _TEMPLATES.sub("", text)
    path = readable_heading(heading)
    parts = {part.strip() for part in path.split(_BETWEEN)}
    rest = plain.strip().removeprefix(heading.strip()).removeprefix(path)
    rest = _HEADINGS.sub(lambda found: "" if _said(found[1]) in parts else found[0], rest)
    body = " ".join(rest.split())
    return (path, body) if body else ("", " ".join(text.split()))


def _said(heading: str) -> str:
    """A heading without the number signs that may close it."""
    return heading.strip().rstrip("#").strip()

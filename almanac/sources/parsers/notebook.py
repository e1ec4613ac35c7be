"""Jupyter notebooks of the formats 3 and 4: text, code, and what the code printed."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from almanac.sources.decoding import clean, decode
from almanac.sources.headings import first_heading
from almanac.sources.markup import html_to_markdown
from almanac.sources.parsed import Options, Parsed, Unreadable, losses

_EXPECTATION = "notebook_is_readable"
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_LONGEST_OUTPUT = 10_000  # characters of one output


def parse(data: bytes, options: Options) -> Parsed:
    """The cells in order as Markdown. Tables that code showed are tables; pictures are counted.

    Raises:
        Unreadable: no JSON, or JSON without cells.
    """
    text, notes = decode(data)
    try:
        notebook = json.loads(text)
    except ValueError as error:
        raise Unreadable(_EXPECTATION, f"it is no JSON: {error}") from None
    cells = _cells(notebook)
    language = _language(notebook)
    lost: Counter[str] = Counter()
    parts = [part.strip("\n") for cell in cells for part in _cell(cell, language, lost)]
    body, more = clean("\n\n".join(part for part in parts if part.strip()) + "\n")
    return Parsed(body, first_heading(body), notes=(*notes, *more, *losses(lost)))


def _cells(notebook: Any) -> list[dict[str, Any]]:
    found = notebook.get("cells") if isinstance(notebook, dict) else None
    if found is None and isinstance(notebook, dict):  # format 3
        sheets = notebook.get("worksheets")
        found = [cell for sheet in sheets for cell in sheet.get("cells", [])] if sheets else None
    if not isinstance(found, list) or not all(isinstance(cell, dict) for cell in found):
        raise Unreadable(_EXPECTATION, "it is JSON, but no notebook: there are no cells")
    return found


def _language(notebook: Mapping[str, Any]) -> str:
    about = notebook.get("metadata") or {}
    kernel, info = about.get("kernelspec") or {}, about.get("language_info") or {}
    return str(info.get("name") or kernel.get("language") or "python")


def _cell(cell: Mapping[str, Any], language: str, lost: Counter[str]) -> Iterator[str]:
    source = _joined(cell.get("source", cell.get("input", "")))
    kind = cell.get("cell_type")
    if kind == "heading":
        yield f"{'#' * int(cell.get('level') or 1)} {source}"
    elif kind == "code":
        yield _fenced(source, language)
        for output in cell.get("outputs") or ():
            yield _output(output, lost)
    else:
        lost["pictures without a description"] += len(cell.get("attachments") or ())
        yield source


def _output(output: Any, lost: Counter[str]) -> str:
    if not isinstance(output, dict):
        return ""
    if output.get("output_type") in ("error", "pyerr"):
        return _fenced(f"{output.get('ename')}: {output.get('evalue')}", "")
    if "text" in output and output.get("output_type") == "stream":
        return _printed(_joined(output["text"]), lost)
    shown = output.get("data") or output
    lost["pictures of outputs"] += any(
        str(kind).startswith("image/") or kind in ("png", "jpeg", "svg") for kind in shown
    )
    if markdown := _joined(shown.get("text/markdown") or shown.get("text/latex") or ""):
        return markdown
    page = _joined(shown.get("text/html") or shown.get("html") or "")
    if "<table" in page:
        return html_to_markdown(page)[0]
    text = _joined(shown.get("text/plain") or shown.get("text") or "")
    return "" if _is_a_picture_alone(shown, text) else _printed(text, lost)


def _printed(text: str, lost: Counter[str]) -> str:
    lost["long outputs, cut"] += len(text) > _LONGEST_OUTPUT
    return _fenced(text[:_LONGEST_OUTPUT], "")


def _is_a_picture_alone(shown: Mapping[str, Any], text: str) -> bool:
    return any(str(kind).startswith("image/") for kind in shown) and text.startswith("<")


def _joined(lines: Any) -> str:
    return "".join(map(str, lines)) if isinstance(lines, list) else str(lines or "")


def _fenced(code: str, language: str) -> str:
    code = _COLOURS.sub("", code).rstrip()
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`{3,}", code))])
    return f"{fence}{language}\n{code}\n{fence}" if code.strip() else ""

"""Presentations: each slide a section, with its tables, charts' figures and speaker notes."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from pptx import Presentation
from pptx.enum.shapes import MSO_SHAPE_TYPE, PP_PLACEHOLDER
from pptx.exc import PackageNotFoundError

from almanac.sources.archive import checked
from almanac.sources.decoding import clean, one_line
from almanac.sources.grids import grid_to_markdown
from almanac.sources.parsed import Options, Parsed, Unreadable, losses

_EXPECTATION = "pptx_is_readable"
_EDGES = {PP_PLACEHOLDER.DATE, PP_PLACEHOLDER.FOOTER, PP_PLACEHOLDER.SLIDE_NUMBER}


def parse(data: bytes, options: Options) -> Parsed:
    """The visible slides in order as Markdown.

    Raises:
        Unreadable: no presentation, encrypted, damaged, or made to harm its reader.
    """
    checked(data, _EXPECTATION, "ppt/presentation.xml")
    try:
        deck = Presentation(io.BytesIO(data))
        slides = list(deck.slides)
    except (PackageNotFoundError, KeyError, ValueError, AttributeError) as error:
        raise Unreadable(_EXPECTATION, f"it is no intact presentation: {error}") from None
    lost: Counter[str] = Counter()
    parts, first_title = [], ""
    for number, slide in enumerate(slides, start=1):
        if slide._element.get("show") == "0":
            lost["hidden slides"] += 1
            continue
        title = one_line(slide.shapes.title.text) if slide.shapes.title is not None else ""
        first_title = first_title or title
        body = [part for part in _slide(slide, lost) if part.strip()]
        if title or body:
            parts.append("\n\n".join([f"## {title or f'Slide {number}'}", *body]))
    text, notes = clean("\n\n".join(parts) + "\n" if parts else "")
    named = one_line(deck.core_properties.title or "")
    named = "" if named.lower() in ("powerpoint presentation", "presentation") else named
    return Parsed(text, named or first_title or None, notes=(*notes, *losses(lost)))


def _slide(slide: Any, lost: Counter[str]) -> Iterator[str]:
    title = slide.shapes.title
    for shape in _flat(slide.shapes):
        if title is not None and shape.shape_id == title.shape_id:
            continue
        if shape.is_placeholder and shape.placeholder_format.type in _EDGES:
            continue
        yield _shape(shape, lost)
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        notes = slide.notes_slide.notes_text_frame.text.strip()
        if notes:
            yield f"Notes: {notes}"


def _flat(shapes: Iterable[Any]) -> Iterator[Any]:
    """The shapes in reading order, from top to bottom, those of groups too."""
    placed = sorted(shapes, key=lambda one: (one.top or 0, one.left or 0))
    for shape in placed:
        if shape.shape_type == MSO_SHAPE_TYPE.GROUP:
            yield from _flat(shape.shapes)
        else:
            yield shape


def _shape(shape: Any, lost: Counter[str]) -> str:
    if getattr(shape, "has_table", False) and shape.has_table:
        return grid_to_markdown(_table(shape.table))
    if getattr(shape, "has_chart", False) and shape.has_chart:
        return _chart(shape.chart, lost)
    if shape.has_text_frame:
        return _paragraphs(shape.text_frame)
    described = str(shape._element._nvXxPr.cNvPr.get("descr") or "").strip()
    if shape.shape_type == MSO_SHAPE_TYPE.PICTURE:
        lost["pictures without a description"] += not described
    elif shape._element.tag.endswith("graphicFrame"):
        lost["diagrams and embedded objects"] += 1
    return described


def _paragraphs(frame: Any) -> str:
    """The paragraphs of a shape; several are a list with its levels."""
    lines = [(one.level, one_line(one.text)) for one in frame.paragraphs if one.text.strip()]
    if len(lines) < 2:
        return "".join(text for _, text in lines)
    return "\n".join(f"{'  ' * level}- {text}" for level, text in lines)


def _table(table: Any) -> list[list[str]]:
    rows, above = [], {}
    for at, row in enumerate(table.rows):
        line: list[str] = []
        for column, cell in enumerate(row.cells):
            if cell.is_merge_origin:
                for down in range(cell.span_height):
                    for right in range(cell.span_width):
                        above[at + down, column + right] = cell.text
            line.append(" ".join(above.get((at, column), cell.text).split()))
        rows.append(line)
    return rows


def _chart(chart: Any, lost: Counter[str]) -> str:
    """The figures of a chart as a table of its categories and series."""
    title = (
        one_line(chart.chart_title.text_frame.text)
        if chart.has_title and (chart.chart_title.has_text_frame)
        else ""
    )
    try:
        plot = chart.plots[0]
        categories = [str(one) for one in plot.categories]
        series = [(one.name, list(one.values)) for one in plot.series]
    except (IndexError, AttributeError, ValueError, KeyError):
        lost["charts"] += 1
        return title
    rows = [["", *(str(name) for name, _ in series)]]
    for at, category in enumerate(categories):
        values = [values[at] if at < len(values) else None for _, values in series]
        rows.append([category, *("" if one is None else f"{one:g}" for one in values)])
    return "\n\n".join(part for part in (title, grid_to_markdown(rows) if series else "") if part)

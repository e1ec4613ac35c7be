"""Spreadsheets: each sheet a section, each block of cells a table."""

from __future__ import annotations

import datetime as dt
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from almanac.sources.archive import checked
from almanac.sources.decoding import clean
from almanac.sources.grids import grid_to_markdown
from almanac.sources.parsed import Options, Parsed, Unreadable, losses

_EXPECTATION = "xlsx_is_readable"
_CURRENCY = re.compile(r"\[\$([^\]-]*)[^\]]*\]|\"([^\"]{1,12})\"|([€$£¥₽])")
_MOST_CELLS = 2_000_000


def parse(data: bytes, options: Options) -> Parsed:
    """The visible sheets as Markdown tables, with the values as Excel stored them.

    The first row of a block is its header. Merged cells are repeated; dates are ISO, shares keep
    their percent sign. Hidden sheets, rows and columns stay out and are counted.

    Raises:
        Unreadable: no spreadsheet, encrypted, damaged, or made to harm its reader.
    """
    checked(data, _EXPECTATION, "xl/workbook.xml")
    try:
        values = load_workbook(io.BytesIO(data), data_only=True)
        formulas = load_workbook(io.BytesIO(data))
    except (InvalidFileException, KeyError, ValueError, TypeError, IndexError) as error:
        raise Unreadable(_EXPECTATION, f"it is no intact spreadsheet: {error}") from None
    lost: Counter[str] = Counter()
    parts = []
    for sheet in values.worksheets:
        if sheet.sheet_state != "visible":
            lost["hidden sheets"] += 1
            continue
        body = list(_blocks(_cells(sheet, formulas[sheet.title], lost)))
        if body:
            parts.append("\n\n".join([f"## {sheet.title}", *body]))
    lost["sheets that are a chart alone"] += len(values.chartsheets)
    text, notes = clean("\n\n".join(parts) + "\n" if parts else "")
    title = str(values.properties.title or "").strip() or None
    return Parsed(text, title, notes=(*notes, *losses(lost)))


def _cells(sheet: Any, formulas: Any, lost: Counter[str]) -> list[list[str]]:
    """The visible part of a sheet as text."""
    lost["charts"] += len(sheet._charts)
    lost["pictures"] += len(sheet._images)
    if sheet.max_row * sheet.max_column > _MOST_CELLS:
        raise Unreadable(_EXPECTATION, f"the sheet {sheet.title!r} has over {_MOST_CELLS:,} cells")
    merged = _merged(sheet)
    columns = [at for at in range(1, sheet.max_column + 1) if not _column_is_hidden(sheet, at)]
    lost["hidden columns"] += sheet.max_column - len(columns)
    rows = []
    for number, row in enumerate(sheet.iter_rows(), start=1):
        if sheet.row_dimensions[number].hidden and not _is_filtered(sheet):
            lost["hidden rows"] += 1
            continue
        line = []
        for cell in row:
            if cell.column not in columns:
                continue
            source = merged.get((cell.row, cell.column), cell)
            text = _text(source)
            if not text and str(formulas.cell(cell.row, cell.column).value or "").startswith("="):
                lost["formulas without a stored value"] += 1
            lost["comments"] += cell.comment is not None if hasattr(cell, "comment") else 0
            line.append(text)
        rows.append(line)
    return rows


def _merged(sheet: Any) -> dict[tuple[int, int], Any]:
    """The cell that each place of a merged range shows."""
    places = {}
    for block in sheet.merged_cells.ranges:
        first = sheet.cell(block.min_row, block.min_col)
        for row, column in block.cells:
            places[row, column] = first
    return places


def _column_is_hidden(sheet: Any, number: int) -> bool:
    return any(
        width.hidden and width.min <= number <= width.max
        for width in sheet.column_dimensions.values()
        if width.min and width.max
    )


def _is_filtered(sheet: Any) -> bool:
    """Rows that a filter hides are data; only the view leaves them out."""
    return bool(sheet.auto_filter.ref)


def _text(cell: Any) -> str:
    value, style = cell.value, str(cell.number_format or "")
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, dt.datetime):
        midnight = value.time() == dt.time()
        return value.date().isoformat() if midnight else value.isoformat(" ", "minutes")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, int | float):
        return _number(value, style)
    return " ".join(str(value).split())


def _number(value: float, style: str) -> str:
    if "%" in style:
        return f"{round(value * 100, 10):.10g}%"
    text = f"{value:.15g}"
    unit = _CURRENCY.search(style.split(";")[0])
    name = next((part for part in unit.groups() if part), "").strip() if unit else ""
    return f"{text} {name}" if name else text


def _blocks(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """What blank rows separate: tables, and single cells as paragraphs."""
    block: list[Sequence[str]] = []
    for row in [*rows, []]:
        if any(row):
            block.append(row)
        elif block:
            yield from _block(block)
            block = []


def _block(rows: list[Sequence[str]]) -> Iterator[str]:
    while rows and len({text for text in rows[0] if text}) == 1:  # a caption above the table
        yield next(text for text in rows.pop(0) if text)
    if not rows:
        return
    used = [at for at in range(len(rows[0])) if any(row[at] for row in rows)]
    yield grid_to_markdown([[row[at] for at in used] for row in rows])

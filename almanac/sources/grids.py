"""A table of HTML as a grid, and the grid as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bs4 import Tag

_MOST_COLUMNS = 1_000  # by the HTML standard
_MOST_CELLS = 1_000_000  # that spans may fill; more are a table made to harm its reader


def markdown_table(table: Tag, texts: Mapping[int, str], inner: bool) -> str:
    """The table with `texts` by the identity of each cell's tag.

    A cell that spans rows or columns is repeated in each, so that every row has all columns.
    Header rows above one another are joined. An inner table is a line of "name: value" pairs.
    """
    rows = own_rows(table)
    grid = fill_grid(rows, texts)
    if not any(any(row) for row in grid):
        return ""
    depth = _header_depth(table, rows)
    if not depth and not inner and all(row and row[0].name == "th" for row in rows):
        grid = [[""] * len(grid[0]), *grid]  # names stand at the left, not above
    if inner:
        return _in_a_line(grid, depth)
    return grid_to_markdown([_joined(grid[: max(depth, 1)]), *grid[max(depth, 1) :]])


def grid_to_markdown(grid: Sequence[Sequence[str]]) -> str:
    """A grid as a Markdown table, its first row the header; bars in cells are escaped."""
    width = max(map(len, grid))
    padded = [[*row, *[""] * (width - len(row))] for row in grid]
    lines = ["| " + " | ".join(_cell(text) for text in row) + " |" for row in padded]
    return "\n".join([lines[0], "| " + " | ".join(["---"] * width) + " |", *lines[1:]])


def own_rows(table: Tag) -> list[list[Tag]]:
    """The cells of each row, without those of tables within."""
    rows = [row for row in table.find_all("tr") if row.find_parent("table") is table]
    return [
        [cell for cell in row.find_all(["td", "th"]) if cell.find_parent("tr") is row]
        for row in rows
    ]


def fill_grid(rows: Sequence[Sequence[Tag]], texts: Mapping[int, str]) -> list[list[str]]:
    """Each row with all its columns, cells that span repeated; all rows are of one length."""
    grid: list[list[str]] = []
    above: dict[int, tuple[int, str]] = {}  # column to (rows still to fill, text)
    filled = 0
    for row in rows:
        line: list[str] = []
        for cell in row:
            _take_from_above(line, above)
            text = texts.get(id(cell), "")
            for _ in range(_span(cell, "colspan", _MOST_COLUMNS)):
                below = _span(cell, "rowspan", len(rows)) - 1
                if below > 0 and filled < _MOST_CELLS:
                    above[len(line)] = (below, text)
                line.append(text)
        _take_from_above(line, above, to_the_end=True)
        filled += len(line)
        grid.append(line)
    width = max(map(len, grid), default=0)
    return [[*line, *[""] * (width - len(line))] for line in grid]


def _take_from_above(
    line: list[str], above: dict[int, tuple[int, str]], to_the_end: bool = False
) -> None:
    """Put the cells of the rows above that reach down to this place."""
    while len(line) in above or (to_the_end and above and max(above) > len(line)):
        left, text = above.get(len(line), (0, ""))
        if left > 1:
            above[len(line)] = (left - 1, text)
        else:
            above.pop(len(line), None)
        line.append(text)


def _span(cell: Tag, name: str, most: int) -> int:
    value = str(cell.get(name) or "1").strip()
    if not value.isdigit() or len(value) > 9:
        return 1
    if name == "rowspan" and int(value) == 0:
        return most  # to the end of the table
    return max(1, min(most, int(value)))


def _header_depth(table: Tag, rows: Sequence[Sequence[Tag]]) -> int:
    """How many rows at the top are headers."""
    head = table.find("thead")
    if isinstance(head, Tag) and head.find_parent("table") is table:
        return len(head.find_all("tr"))
    depth = 0
    for row in rows:
        if not row or any(cell.name != "th" for cell in row):
            break
        depth += 1
    return depth if depth < len(rows) else min(depth, 1)


def _joined(rows: Sequence[Sequence[str]]) -> list[str]:
    """Header rows as one: "2025 Q1" of 2025 above Q1."""
    return [" ".join(dict.fromkeys(filter(None, column))) for column in zip(*rows, strict=True)]


def _in_a_line(grid: Sequence[Sequence[str]], depth: int) -> str:
    if len(grid[0]) == 2:
        return "; ".join(": ".join(filter(None, row)) for row in grid)
    header, body = _joined(grid[: max(depth, 1)]), grid[max(depth, 1) :]
    lines = [
        ", ".join(
            f"{name}: {text}" if name else text
            for name, text in zip(header, row, strict=True)
            if text
        )
        for row in body
    ]
    return "; ".join(lines) if body else ", ".join(filter(None, header))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("\\|", "|").replace("|", "\\|")

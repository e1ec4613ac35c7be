"""CSV and its relatives as rows."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from almanac.sources.decoding import decode
from almanac.sources.parsed import Note, Row, Rows, Unreadable, shown
from schemas.settings import Columns

_DELIMITERS = ",;\t|"
_SEP = re.compile(r"\A\s*\"?sep=(.)\"?[ \t]*(?=\n|\Z)", re.IGNORECASE)
_LONGEST_FIELD = 2**31 - 1  # the csv module stops at 131,072 characters unless told


def rows(data: bytes, columns: Columns) -> Rows:
    """The rows under the header. A first line `sep=;`, as Excel writes it, names the delimiter."""
    text, notes = decode(data)
    declared = _SEP.match(text)
    if not text.strip():
        return (), notes
    if declared is None:
        return delimited_rows(text, columns), notes
    # The line stays as a blank one, so that the places of the rows are those in the file.
    return delimited_rows(text[declared.end() :], columns, declared[1]), notes


def delimited_rows(text: str, columns: Columns, declared: str | None = None) -> Iterator[Row]:
    """The rows under the header, in file order; rows of another length carry a problem.

    The delimiter is the one among comma, semicolon, tab and bar with which the header names the
    wanted columns. Columns without a name are dropped.

    Raises:
        Unreadable: a wanted column is missing, or a name stands twice.
    """
    csv.field_size_limit(_LONGEST_FIELD)
    delimiter = declared or _sniff(text, columns)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    while True:
        where = f"line {reader.line_num + 1}"
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(where, {}, _broken(error))
            continue
        if header is None and any(name.strip() for name in fields):
            header = check_header([name.strip() for name in fields], columns)
        elif header is not None and fields:
            yield _row(where, header, fields)


def check_header(header: list[str], columns: Columns) -> list[str]:
    """`header` itself. Raises Unreadable where rows under it could not be told apart."""
    named = [name for name in header if name]
    twice = sorted(name for name, count in Counter(named).items() if count > 1)
    if twice:
        raise Unreadable(
            "columns_are_unique", f"the column {twice[0]!r} stands twice", shown(named)
        )
    for name in (*columns.id, columns.text):
        if name not in named:
            raise Unreadable("column_is_present", f"there is no column {name!r}", shown(named))
    return header


def _row(where: str, header: Sequence[str], fields: Sequence[str]) -> Row:
    values = {name: value for name, value in zip(header, fields, strict=False) if name}
    if len(fields) == len(header):
        return Row(where, values)
    reason = f"it has {len(fields)} fields, the header {len(header)}"
    return Row(where, values, Note("row_matches_header", reason, shown(list(fields))))


def _broken(error: csv.Error) -> Note:
    if str(error) == "unexpected end of data":
        return Note("row_is_valid", "a quote opens here and never closes: the rest is swallowed")
    return Note("row_is_valid", f"it is no CSV: {error}")


def _sniff(text: str, columns: Columns) -> str:
    """The delimiter that finds most of the wanted columns, else the most fields."""
    line = next((line for line in io.StringIO(text) if line.strip()), "")
    wanted = {*columns.id, columns.text}

    def fit(delimiter: str) -> tuple[int, int]:
        names = [name.strip().strip('"') for name in line.split(delimiter)]
        return len(wanted.intersection(names)), len(names)

    return max(_DELIMITERS, key=fit)

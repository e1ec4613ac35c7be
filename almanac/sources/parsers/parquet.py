"""Parquet as rows. Runs in the parser process."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from almanac.sources.parsed import Row, Rows, Unreadable
from almanac.sources.parsers.delimited import check_header
from schemas.settings import Columns

_ROWS_AT_ONCE = 1_000


def rows(data: bytes, columns: Columns) -> Rows:
    """All rows, with the wanted columns only.

    Raises:
        Unreadable: no Parquet, damaged, a wanted column is missing or a name stands twice.
    """
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        names = check_header(list(file.schema_arrow.names), columns)
        if columns.metadata is not None:
            wanted = {*columns.id, columns.text, columns.title, *columns.metadata}
            names = [name for name in names if name in wanted]
        batches = file.iter_batches(_ROWS_AT_ONCE, columns=names)
        values = [row for batch in batches for row in batch.to_pylist()]
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise Unreadable("parquet_is_readable", f"it is no intact Parquet: {error}") from None
    return [Row(f"row {number}", row) for number, row in enumerate(values, start=1)], ()

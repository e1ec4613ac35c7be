"""Great Expectations' own pages of a run's validations, kept in the lakehouse where configured."""

from __future__ import annotations

from urllib.parse import quote

from almanac.ingest.ingested import Ingested
from almanac.ingest.run import Run
from expectations.data_docs import data_docs_page

_FOLDER = "data_docs"


def keep_data_docs(run: Run, found: Ingested) -> None:
    """Write the page of each source that was validated, and its address to `run.data_docs`.

    The address is below `expectations.data_docs_url` where that is set, else inside the lakehouse.
    A source of which nothing was read keeps the page of its last validation.
    """
    settings = run.settings.expectations
    if not settings.data_docs:
        return
    where = (settings.data_docs_url or run.lake.location.child(_FOLDER)).rstrip("/")
    for source, validated in sorted(found.validated.items()):
        name = f"{quote(source, safe='')}.html"
        page = data_docs_page(validated, run.run_id, run.logical_time)
        run.lake.put_file(f"{_FOLDER}/{name}", page)
        run.data_docs[source] = f"{where}/{name}"

"""A validation as one page of Great Expectations' Data Docs: counts by rule, no value, no id."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuiteValidationResult

_NOTE = (
    "<p>This page loads its style from public content networks; where they cannot be reached it is "
    "plain, and all of it is there.</p>"
)


def data_docs_page(result: ExpectationSuiteValidationResult, run_id: str, at: datetime) -> bytes:
    """The page of a result as `runner.validate` hands it over, in UTF-8.

    Rows that broke a rule are counted, since the runner keeps their values out of its results.
    """
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
    from great_expectations.render.view.view import DefaultJinjaPageView

    result.meta["run_id"] = RunIdentifier(run_name=run_id, run_time=at)
    document = ValidationResultsPageRenderer().render(result)
    html = str(DefaultJinjaPageView().render(document))  # type: ignore[no-untyped-call]
    return html.replace("<body>", f"<body>\n{_NOTE}", 1).encode("utf-8")

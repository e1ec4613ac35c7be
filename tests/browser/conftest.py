"""What a failed test saw in the browser is kept."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    screen = getattr(item, "funcargs", {}).get("screen")
    if report.when == "call" and report.failed and screen is not None:
        folder = Path(tempfile.mkdtemp(prefix="almanac-browser-"))
        report.sections.append(("browser", screen.keep(folder)))
    return report

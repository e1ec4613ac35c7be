"""What every test may ask for."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file stays on one process; so do all flows, whose Prefect client must not fall idle.

    Its connection for events is closed after some minutes, and what is sent next is lost.
    """
    for item in items:
        flow = item.path.parent.name == "flows"
        item.add_marker(pytest.mark.xdist_group("flows" if flow else str(item.path)))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The open test data beside the repository; tests that need it skip where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the shared test data is not beside this checkout")
    return folder

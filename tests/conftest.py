"""What every test may ask for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# Thousands of nights: what a power cut leaves is looked at by testing/power_cut, which sets it.
os.environ.setdefault("ALMANAC_DURABILITY", "none")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The open test data beside the repository; tests that need it skip where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the shared test data is not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def shared_cases() -> Path:
    """Cases of users beside the checkout; skips where they are absent."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "cases"
    if not folder.is_dir():
        pytest.skip("no ../shared/cases here")
    return folder


@pytest.fixture(scope="session")
def prefect_api() -> Iterator[None]:
    """A Prefect server of the tests' own: one a process, a second one would cut the first off."""
    from prefect.settings import (
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
        PREFECT_LOGGING_TO_API_ENABLED,
        temporary_settings,
    )
    from prefect.testing.utilities import prefect_test_harness

    quiet = {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None, PREFECT_LOGGING_TO_API_ENABLED: False}
    with prefect_test_harness(server_startup_timeout=180), temporary_settings(quiet):
        yield

"""Restore and retention as flows, as the form of the Prefect UI starts them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from schemas.errors import ConfigError, ReleaseNotFound
from tests.flows.conftest import House


@pytest.fixture
def two_nights(house: House) -> House:
    house.put("mail.md", "# Mail\n\nOpen the mail settings.\n")
    house.nightly()
    house.put("mail.md", "# Mail\n\nThe mail settings are somewhere else now.\n")
    house.nightly()
    return house


def restored(house: House, as_of: str, **parameters: Any) -> dict[str, Any]:
    from flows.restore import restore

    return restore(as_of=as_of, config=str(house.config), **parameters)


def newest_page(key: str) -> str:
    of_key = ArtifactFilter(key=ArtifactFilterKey(any_=[key]))
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(artifact_filter=of_key, limit=200)
    return str(max(found, key=lambda page: page.created).data)


def test_a_restore_is_a_dry_run_unless_told_otherwise(two_nights: House) -> None:
    before = two_nights.lake.sizes()
    seen = restored(two_nights, "2026-03-01")
    assert (seen["dry_run"], seen["of"], seen["against_now"]["differ"]) == (True, 1, 1)
    assert two_nights.lake.sizes() == before
    assert "Dry run: would point readers back to release 1" in newest_page("restore-report")


def test_a_restore_by_date_publishes_that_release_again(two_nights: House) -> None:
    done = restored(two_nights, "2026-03-01", dry_run=False, reason="wrong page")
    assert done["release"] == 3
    texts = [text for _, text in two_nights.index_rows()]
    assert len(texts) == 1 and "Open the mail settings." in texts[0]
    run = two_nights.lake.runs.rows()[0]
    assert json.loads(run["report"])["reason"] == "wrong page"


def test_what_the_form_takes_is_checked(two_nights: House) -> None:
    with pytest.raises(ReleaseNotFound, match="first release of 'documents' is 1"):
        restored(two_nights, "2020-01-01")
    with pytest.raises(ConfigError, match="neither a date"):
        restored(two_nights, "yesterday")


def test_retention_leaves_a_page(two_nights: House) -> None:
    from flows.retention import retention

    two_nights.configure(
        "[retention]\nkeep_last = 1\ndaily = 0\nweekly = 0\nmonthly = 0\n"
        "yearly = 0\ngrace_minutes = 0\n"
    )
    planned = retention(config=str(two_nights.config))
    assert planned["tiers"] == {"hot": 1, "cold": 1} and not planned["applied"]
    said = "# Dry run: 1 release would be let go; then 1 open, 1 to be built anew from Delta"
    assert said in newest_page("retention-report")
    applied = retention(dry_run=False, config=str(two_nights.config))
    assert [row["after"] for row in applied["releases"]] == ["hot", "cold"]
    said = "# 1 release let go; now 1 open, 1 to be built anew from Delta"
    assert said in newest_page("retention-report")
    assert two_nights.lake.releases("documents").as_of(1).tier == "cold"

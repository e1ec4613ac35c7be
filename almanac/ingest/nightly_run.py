"""What the stages of one nightly run share."""

from __future__ import annotations

from typing import Any

from almanac.ingest.models import Models
from almanac.ingest.report import Outcome
from almanac.ingest.run import Run
from lakehouse.lease import Lease
from lakehouse.releases import Release


class NightlyRun:
    """A run that holds the lease, with its models, the release that answers, and what came of it.

    `result` is the report of a run that ends before its first stage: its logical date is published
    already, or a restore told nightly runs to wait. A plain class on purpose: Prefect walks into
    dataclasses and lists that tasks are given.
    """

    def __init__(self, run: Run, models: Models, lease: Lease, latest: Release | None) -> None:
        self.run = run
        self.models = models
        self.lease = lease
        self.latest = latest
        self.outcome = Outcome()
        self.outcome.release = latest
        self.result: dict[str, Any] | None = None

    def repeats(self, release: Release) -> bool:
        """Is it a run of the very date that a release is as of?"""
        return release.logical_time == self.run.logical_time

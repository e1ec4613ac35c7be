"""How a new version of an assistant replaces the present one: shares, times, limits."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from schemas.sections.base import Section


class RolloutSettings(Section):
    """Rollouts of versions (`almanac rollout`)."""

    schedule: tuple[float, ...] = Field(
        default=(0.0, 0.05, 0.25, 0.5, 1.0),
        min_length=1,
        description="Shares of users, in order. At 0 the candidate answers in the background "
        "alone; after the last one it takes the present version's place.",
    )
    min_minutes: float = Field(default=60.0, ge=0, description="At each share, at least.")
    max_days: float = Field(
        default=14.0, gt=0, description="Without a verdict, before the present version stays."
    )
    needs: Literal["auto", "judge", "votes", "signals"] = Field(
        default="auto",
        description="What must show the candidate no worse before its share grows. auto: the judge "
        "where [judge] has a model, else users' votes. signals: failed, blocked and empty answers "
        "alone, which say nothing of what is said.",
    )
    margin: float = Field(
        default=0.05,
        gt=0,
        lt=1,
        description="How much worse the candidate may be, as a share of answers, to count as no "
        "worse.",
    )
    min_pairs: int = Field(
        default=50, ge=10, description="Judged pairs, or votes in each arm, before a share grows."
    )
    min_step_pairs: int = Field(
        default=20, ge=0, description="Of them since the share last grew, at least."
    )
    min_coverage: float = Field(
        default=0.8,
        gt=0,
        le=1,
        description="Of the last fifty pairs that the judge was asked about, those that it judged.",
    )
    sample: float = Field(
        default=0.25,
        ge=0,
        le=1,
        description="Of the questions that the other version answers in the background, too.",
    )
    queue: int = Field(
        default=32,
        ge=1,
        description="Questions that wait for the other version; more are left out and counted.",
    )
    failures_in_a_row: int = Field(
        default=5, ge=2, description="Of the candidate, that end a rollout at once."
    )
    p99_seconds: float | None = Field(
        default=None,
        gt=0,
        description="The candidate's slowest hundredth may take so long; longer in three windows "
        "in a row ends a rollout at once.",
    )
    check_seconds: float = Field(
        default=120.0, gt=0, description="Between two looks of a server at the evidence."
    )
    dwell_hours: float = Field(
        default=24.0,
        ge=0,
        description="After a rollback, before the same version may be tried without --again.",
    )
    lease_seconds: float = Field(
        default=30.0,
        ge=0,
        description="That a rollback waits for the lease. The server falls back before it, in any "
        "case, and the row follows.",
    )

    @model_validator(mode="after")
    def _grows(self) -> RolloutSettings:
        shares = self.schedule
        if any(not 0 <= share <= 1 for share in shares):
            raise ValueError("a share is from 0 to 1")
        if list(shares) != sorted(set(shares)):
            raise ValueError("the shares of a schedule grow")
        return self

"""The judge on live traffic: how many answers it looks at, and when its figures count."""

from __future__ import annotations

from pydantic import Field

from schemas.sections.base import Section, Share


class JudgingSettings(Section):
    """Answers of users that the model of [judge] measures (`almanac judge`)."""

    share: Share = Field(
        default=0.05, description="Of the answers, drawn by chance; dislikes and ungrounded too."
    )
    least: int = Field(
        default=20, ge=0, description="Answers drawn for each version and day, where there are."
    )
    days: float = Field(default=7.0, gt=0, description="That are looked at, until now.")
    most_calls: int = Field(
        default=500, ge=1, description="Of the judge in one run; the rest waits for the next."
    )
    min_coverage: Share = Field(
        default=0.8, description="Of the answers drawn; where no more are judged it is `unknown`."
    )
    lag_hours: float = Field(
        default=24.0,
        gt=0,
        description="That an answer may wait for the judge before it is reported as late.",
    )

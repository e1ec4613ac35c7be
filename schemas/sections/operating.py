"""What `almanac up` starts, and when it raises an alarm."""

from __future__ import annotations

from pydantic import Field, SecretStr

from schemas.sections.base import Section, Share


class ServerSettings(Section):
    """The Prefect server and its worker, as `almanac up` starts them."""

    home: str = Field(
        default=".almanac-server", description="Folder of the server's database and logs."
    )
    host: str = Field(
        default="127.0.0.1", description="Where the server listens; loopback by default."
    )
    port: int = Field(
        default=4200, ge=1, le=65535, description="Where it listens; the next free one if taken."
    )


class AlarmSettings(Section):
    """When somebody is told, and who."""

    address: SecretStr | None = Field(
        default=None,
        description="A webhook or any Apprise address, or several with spaces between; set it as "
        "ALMANAC_ALARMS__ADDRESS.",
    )
    late_minutes: float = Field(
        default=30.0, ge=0.2, description="After its time, before a nightly run counts as late."
    )
    silent_hours: float = Field(
        default=26.0, ge=0.003, description="Without a nightly run that completed."
    )
    heartbeat_seconds: int = Field(
        default=30, ge=30, description="Between two signs of life of a run."
    )
    max_quarantine_share: Share = Field(
        default=0.05, description="Of the documents of the sources that may be rejected."
    )


class DocumentDrift(Section):
    """Did what came in and went move the documents as a whole?"""

    minimum: int = Field(default=20, ge=8, description="Documents that changed; fewer: no verdict.")
    meaning: Share = Field(default=0.05, description="Least move of the passages' vectors.")
    length: Share = Field(default=0.1, description="Least move of the documents' lengths.")
    script: Share = Field(default=0.05, description="Of the passages, in another script.")
    cooldown_days: float = Field(default=7.0, ge=0, description="Between two reactions.")


class QuestionDrift(Section):
    """Do users ask something else, and is it further from the index?"""

    minimum: int = Field(default=50, ge=8, description="Questions on each side; fewer: no verdict.")
    meaning: Share = Field(default=0.06, description="Least move of the questions' vectors.")
    distance: Share = Field(default=0.08, description="Of the questions, further from the index.")
    language: Share = Field(default=0.08, description="Of the questions, in another language.")
    cooldown_days: float = Field(default=7.0, ge=0, description="Between two reactions.")


class AnswerDrift(Section):
    """Did answers get worse? Shares of the requests that users voted on."""

    minimum: int = Field(default=50, ge=8, description="Requests on each side; fewer: no verdict.")
    dislikes: Share = Field(default=0.1, description="Least rise of disliked requests.")
    model_faults: Share = Field(default=0.1, description="Least rise of faults of the model.")
    retrieval_misses: Share = Field(default=0.1, description="Least rise of missed passages.")
    cooldown_days: float = Field(default=7.0, ge=0, description="Between two reactions.")


class DriftSettings(Section):
    """When documents, questions or answers have moved away from what they were."""

    window_days: int = Field(
        default=7, ge=1, description="What is looked at; whole weeks keep weekdays out of it."
    )
    reference_windows: int = Field(
        default=4, ge=2, le=52, description="Windows before it, that it is held against."
    )
    significance: float = Field(
        default=0.01, gt=0, lt=1, description="The false discovery rate of one look."
    )
    resamples: int = Field(default=4999, ge=999, le=100_000, description="Of each test.")
    sample: int = Field(
        default=400, ge=50, le=2_000, description="Questions of a window; documents of each part."
    )
    max_per_user: int = Field(default=25, ge=1, description="Questions of one user in a window.")
    seed: int = Field(default=0, description="Of what is drawn; another one draws another sample.")
    documents: DocumentDrift = DocumentDrift()
    questions: QuestionDrift = QuestionDrift()
    answers: AnswerDrift = AnswerDrift()

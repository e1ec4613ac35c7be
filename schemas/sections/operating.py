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
        default="127.0.0.1", description="Where the server listens; loopback unless told otherwise."
    )
    port: int = Field(default=4200, ge=1, le=65535)


class AlarmSettings(Section):
    """When somebody is told, and who."""

    address: SecretStr | None = Field(
        default=None,
        description="A webhook or any Apprise address; set it as ALMANAC_ALARMS__ADDRESS.",
    )
    late_minutes: float = Field(default=30.0, gt=0, description="Before a run counts as late.")
    heartbeat_seconds: int = Field(
        default=30, ge=30, description="Between two signs of life of a run."
    )
    max_quarantine_share: Share = Field(
        default=0.05, description="Of the documents of the sources that may be rejected."
    )


class DriftSettings(Section):
    """When documents, questions or answers have moved away from what they were."""

    window_days: float = Field(default=7.0, gt=0, description="What is looked at.")
    reference_days: float = Field(default=28.0, gt=0, description="What it is held against.")
    cooldown_days: float = Field(default=7.0, ge=0, description="Between two reactions of a kind.")

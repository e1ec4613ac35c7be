"""How questions are answered: the server, its assistants, and the models behind them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from schemas.sections.base import Section, Share
from schemas.sections.guards import GuardSettings

LOCAL = "local"  # the endpoint of the small model that comes with the installation


def right_release(value: str) -> str:
    """The release policy itself: latest, or a number or a date; ValueError for anything else."""
    from schemas.errors import ConfigError
    from schemas.times import parse_as_of

    if value != "latest":
        try:
            parse_as_of(value)
        except ConfigError as error:
            raise ValueError(f"{error}, nor latest") from None
    return value


class ServingSettings(Section):
    """The server that answers questions (`almanac serve`)."""

    host: str = Field(
        default="127.0.0.1",
        description="Where it listens. Any other than loopback needs keys: `almanac keys create`.",
    )
    port: int = Field(default=8000, ge=0, le=65535, description="0 takes any that is free.")
    poll_seconds: float = Field(
        default=2.0, gt=0, description="Between two looks for a new release, and at rights."
    )
    journal: str | None = Field(
        default=None,
        description="File of the journal of requests and votes; unless given, a file for this "
        "lakehouse in the user's state folder, or in a lakehouse that is a folder.",
    )
    journal_max_bytes: int = Field(
        default=2_000_000_000,
        ge=1_000_000,
        description="Of what waits in the journal; beyond it answers are refused, not lost.",
    )
    flush_seconds: float = Field(
        default=5.0, gt=0, description="Between two times that the journal is stored in Delta."
    )
    max_age_hours: float | None = Field(
        default=None, gt=0, description="Of the release, before /readyz says 503."
    )
    max_body_bytes: int = Field(default=1_000_000, ge=1_000, description="Of one HTTP request.")
    body_seconds: float = Field(
        default=30.0, gt=0, description="That a client may take to send its request."
    )
    max_streams: int = Field(
        default=64, ge=1, description="Answers under way at a time; more are refused for now."
    )
    open_releases: int = Field(
        default=4,
        ge=1,
        description="Releases of the past that stay open for questions as of a date.",
    )
    cache_entries: int = Field(
        default=10_000, ge=1, description="Answers that are kept to be given again."
    )
    cache_days: float = Field(
        default=30.0, gt=0, description="That an answer is kept to be given again, at most."
    )
    up: bool = Field(default=False, description="Does `almanac up` serve answers too?")
    log_texts: bool = Field(
        default=False, description="Do logs and traces hold questions and answers?"
    )


class CacheSettings(Section):
    """Whether an answer is given again without a model, part of an assistant's version."""

    mode: Literal["off", "exact", "semantic"] = Field(
        default="off",
        description="exact: for the same question; semantic: also for one that is worded nearly "
        "alike. Only while a new answer would be made from the very same passages.",
    )
    threshold: float = Field(
        default=0.97,
        ge=0,
        le=1,
        description="Cosine of two questions for `semantic`; `almanac cache calibrate` says which.",
    )


class AssistantSettings(Section):
    """One assistant: what clients name as their model."""

    endpoint: str = Field(
        default=LOCAL,
        description="A name of [endpoints], or local: the small model of the installation.",
    )
    prompt: str | None = Field(
        default=None,
        description="A Jinja template with the blocks system and user; ours otherwise.",
    )
    release: str = Field(
        default="latest", description="latest, or a release's number or a date that it stays at."
    )
    mode: Literal["hybrid", "vector", "text"] = Field(
        default="hybrid", description="How it searches: by meaning, by words, or both fused."
    )
    k: int = Field(default=6, ge=1, le=50, description="Passages that a question finds.")
    max_context_tokens: int = Field(
        default=1500,
        ge=64,
        description="Of the passages in a prompt, as the budget estimates them.",
    )
    max_history_tokens: int = Field(
        default=500, ge=0, description="Of earlier messages of a conversation in a prompt."
    )
    max_tokens: int = Field(default=256, ge=1, description="Of an answer, at most.")
    temperature: float = Field(
        default=0.0, ge=0, le=2, description="0: the likeliest words, and so equal answers."
    )
    seed: int = Field(default=0, description="Sent with each request, for equal answers.")
    rewrite: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="Is a follow-up made into a question of its own by the model first? auto: by "
        "every model but the small one.",
    )
    refusal: str | None = Field(
        default=None,
        description="What is answered where nothing supports an answer; by the question's "
        "language unless given.",
    )

    guards: GuardSettings = Field(
        default=GuardSettings(),
        description="What is looked for in questions, passages and answers.",
    )
    cache: CacheSettings = Field(
        default=CacheSettings(), description="Answers that are given again without a model."
    )
    variables: dict[str, Any] = Field(
        default={}, description="Values of the variables that the prompt's YAML file declares."
    )

    _release = field_validator("release")(right_release)


class GateSettings(Section):
    """The gate before production: a version is held against the one that answers, in pairs."""

    golden: str | None = Field(
        default=None,
        description="JSONL rows with id, text, answers, and must where it may never get worse; "
        "tuning.golden unless given.",
    )
    min_questions: int = Field(
        default=20, ge=2, description="Answered by both versions; with fewer it is not decided."
    )
    margin: Share = Field(default=0.05, description="Of right answers that may be lost, at most.")
    at_a_time: int = Field(default=2, ge=1, description="Questions that are asked at a time.")


class ModelEndpoint(Section):
    """A chat model behind an OpenAI-compatible address (`POST {base_url}/chat/completions`)."""

    base_url: str = Field(description="Up to and with /v1.")
    model: str = Field(description="The endpoint's name of the model.")
    api_key_env: str = Field(
        default="OPENAI_API_KEY", description="The environment variable that holds the key."
    )
    timeout_seconds: float = Field(default=60.0, gt=0, description="Of one answer.")
    first_token_seconds: float = Field(
        default=30.0, gt=0, description="Without a word, before the answer counts as failed."
    )
    max_retries: int = Field(default=1, ge=0, description="Before the first word.")
    breaker_failures: int = Field(
        default=5,
        ge=1,
        description="In a row, after which another model of the route is asked at once.",
    )
    breaker_seconds: float = Field(
        default=30.0, gt=0, description="Until one answer tries it again."
    )
    stop: tuple[str, ...] = Field(default=(), description="Texts at which the model is to end.")
    local: bool | None = Field(
        default=None,
        description="Does it cost nothing? Unless given, an address of this machine does not; any "
        "other needs a price: [prices.NAME].",
    )

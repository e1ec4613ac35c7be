"""From requests and votes to an adapter."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.sections.base import Section, Share


class FeedbackSettings(Section):
    """Where requests and votes are read from when no file is named."""

    log: str | None = Field(default=None, description="A file or folder: JSONL, Parquet, or spans.")
    votes: str | None = Field(default=None, description="A file: JSONL or Parquet.")
    columns: dict[str, str] = Field(
        default={},
        description="Where a field has another name in the log: field = its column. a.b is b "
        "inside of a; scores.0.value and input.-1.content step into lists.",
    )
    ratings: dict[str, int] = Field(
        default={},
        description="What ratings of another scale mean: 1 like, -1 dislike, 0 neither. "
        "{ 0 = -1, 1 = 1 }, or with ranges { '1..2' = -1, 3 = 0, '4..5' = 1 }.",
    )


class EndpointSettings(Section):
    """A chat model behind an OpenAI-compatible endpoint; none unless a model is named."""

    model: str | None = Field(default=None, description="The endpoint's name of the model.")
    base_url: str | None = Field(
        default=None, description="Of the endpoint; OpenAI's unless given."
    )
    api_key_env: str = Field(
        default="OPENAI_API_KEY", description="The environment variable that holds the key."
    )
    seed: int = Field(default=0, description="Sent with each request, for equal answers.")
    max_tokens: int = Field(default=512, gt=0, description="Of one answer.")
    timeout_seconds: float = Field(default=60.0, gt=0, description="How long one request may take.")
    max_retries: int = Field(
        default=4, ge=0, description="Of a request that failed, each after a longer pause."
    )


class TriageSettings(Section):
    """How a disliked answer is looked into."""

    k: int = Field(default=10, ge=1, description="Passages of a replayed search.")
    supported: Share = Field(
        default=0.8,
        description="Of an answer's weighty words that a text must hold to support it.",
    )
    related: Share = Field(
        default=0.6,
        description="Of the words of question and answer that such a text must hold.",
    )
    unrelated: Share = Field(
        default=0.45, description="Below it the text is about something else; between: unclear."
    )
    answers: Share = Field(
        default=0.7,
        description="Of a question's words alone, where no correction tells the right answer.",
    )
    margin: Share = Field(
        default=0.1, description="By which another passage must support it better."
    )
    batch: int = Field(default=256, ge=1, description="Requests looked into at a time.")
    wide: int = Field(
        default=100,
        ge=1,
        description="Passages of the search that must find nothing before a source is missing.",
    )
    meaning: tuple[str, ...] = Field(
        default=("release", "multilingual"),
        description="Embedders that compare meaning, sentence by sentence: release is the one of "
        "the release that answered; english and multilingual come with the installation; else a "
        "hub id or a folder. Empty: words alone.",
    )
    entailment: str | None = Field(
        default=None,
        description="A cross-encoder for natural language inference that votes too: a hub id or a "
        "folder.",
    )


class DatasetSettings(Section):
    """Which feedback may be trained on."""

    held_back: Share = Field(default=0.2, description="Of the questions, by hash.")
    salt: str = Field(default="almanac", description="Another one draws another split.")
    max_tokens: int | None = Field(
        default=None,
        ge=64,
        description="Of prompt and answer; longer ones are dropped. Unset: what the base reads at "
        "most, less what its chat template adds.",
    )
    rules: Literal[1, 2] = Field(
        default=2,
        description="1 builds as the first version did: answers as users wrote them, likes "
        "unchecked, every language, placeholders for people.",
    )
    near_duplicate: Share = Field(default=0.85, description="Jaccard similarity of word 3-grams.")
    max_per_user: int = Field(default=100, ge=1, description="Examples of one user.")
    like_share: Share = Field(
        default=0.3, description="Of the training examples, at most, that are likes."
    )
    languages: tuple[str, ...] = Field(
        default=("en", "ru"), description="In which personal data is looked for."
    )
    meaning: bool = Field(
        default=True,
        description="Are injections and copies of golden questions recognised by meaning, too? It "
        "opens the multilingual model.",
    )
    system_prompt: str = Field(
        default="Answer the question from the context alone. Be brief.",
        description="Where the log has no final prompt.",
    )
    prompt: str | None = Field(
        default=None,
        description="A stored prompt, NAME, NAME@NUMBER or an id: examples are told by it, as the "
        "assistant that the adapter is for is asked.",
    )


class TuningSettings(Section):
    """How an adapter is trained, judged, and when by itself."""

    base: str = Field(
        default="small",
        description="small comes with the installation; else a hub id or a folder.",
    )
    revision: str | None = Field(default=None, description="A commit of the hub.")
    languages: tuple[str, ...] = Field(
        default=(),
        description="That the base knows, by two letters; others are kept out of its datasets. "
        "Unset: as its model card says.",
    )
    threads: int = Field(
        default=2, ge=1, description="On the processor, where the recipe names none."
    )
    workdir: str | None = Field(
        default=None,
        description="Where jobs run; a folder for this lakehouse below the system's cache.",
    )
    golden: str | None = Field(
        default=None,
        description="JSONL rows with id, text and answers: golden questions with right answers.",
    )
    max_questions: int = Field(default=200, ge=1, description="Of each part of an evaluation.")
    margin: Share = Field(
        default=0.05, description="Decides nothing any more; read so that older files are valid."
    )
    min_questions: int = Field(default=20, ge=1, description="Fewer held back show too little.")
    min_golden: int = Field(
        default=20, ge=0, description="Golden questions without which nothing is offered."
    )
    approvers: int = Field(
        default=1,
        ge=1,
        le=2,
        description="Different people who must approve a step of an adapter.",
    )
    min_new_faults: int = Field(
        default=50, ge=1, description="New model faults that start a tune by themselves."
    )
    cooldown_days: float = Field(default=7.0, ge=0, description="Between two such tunes.")
    approval_days: float = Field(default=14.0, gt=0, description="That a run waits for a person.")
    mlflow: str | None = Field(
        default=None, description="Tracking URI of a registry that mirrors adapters."
    )

"""One frozen, typed configuration: `almanac.toml`, each key overridable from the environment.

`ALMANAC_EMBEDDER__MODEL=multilingual` overrides `model` in `[embedder]`; two underscores step into
a table. Values that are lists or tables are written as JSON. Unknown keys are refused by name.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from schemas.errors import ConfigError

DEFAULT_FILE = "almanac.toml"
ENV_PREFIX = "ALMANAC_"
ENV_FILE = "ALMANAC_CONFIG"
Share = Annotated[float, Field(ge=0, le=1)]
_PATHS = (
    ("upgrade", "questions"), ("feedback", "log"), ("feedback", "votes"), ("tuning", "golden"),
    ("tuning", "workdir"),
)  # fmt: skip
Language = Literal[
    "Arabic", "Danish", "Dutch", "English", "Finnish", "French", "German", "Greek", "Hungarian",
    "Italian", "Norwegian", "Portuguese", "Romanian", "Russian", "Spanish", "Swedish", "Tamil",
    "Turkish",
]  # fmt: skip


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Columns(_Section):
    """Which columns of a table hold what. Several `id` columns are joined with `/`."""

    id: tuple[str, ...] = ("id",)
    text: str = "text"
    title: str | None = "title"
    metadata: tuple[str, ...] | None = Field(
        default=None, description="Columns kept as metadata; all the others unless given."
    )

    @field_validator("id", mode="before")
    @classmethod
    def _one_id(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


class SourceSettings(_Section):
    """Where documents come from: a folder or a table, on any file system fsspec knows."""

    uri: str = Field(description="A path or URL: ./docs, s3://bucket/docs, https://host/items.csv")
    kind: Literal["auto", "folder", "table"] = Field(
        default="auto", description="auto: a table where the URI ends like one, else a folder."
    )
    include: tuple[str, ...] = Field(
        default=(
            "**/*.md", "**/*.mdx", "**/*.markdown", "**/*.txt", "**/*.html", "**/*.htm", "**/*.pdf",
            "**/*.docx", "**/*.rst", "**/*.csv", "**/*.tsv", "**/*.jsonl", "**/*.ndjson",
            "**/*.parquet",
        ),
        description="Globs of the paths to read, upper and lower case alike.",
    )  # fmt: skip
    exclude: tuple[str, ...] = ()
    max_bytes: int = Field(default=50_000_000, gt=0, description="Larger files are quarantined.")
    parse_timeout_seconds: float = Field(default=60.0, gt=0)
    columns: Columns = Columns()
    storage_options: dict[str, str] = Field(default={}, description="Passed to fsspec.")


class ChunkerSettings(_Section):
    """How documents are cut. Tokens are the embedder's own."""

    max_tokens: int | None = Field(
        default=None, ge=16, description="The embedder's window unless given."
    )
    target_tokens: int = Field(default=160, ge=8, description="The usual length of a chunk.")


class EmbedderSettings(_Section):
    """Which model turns text into vectors."""

    provider: Literal["local", "openai"] = "local"
    model: str = Field(
        default="english",
        description="english and multilingual come with the installation; else a hub id, a folder, "
        "or the endpoint's name of the model.",
    )
    revision: str | None = Field(default=None, description="A commit of the hub, or a version.")
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    normalize: bool = True
    query_prefix: str | None = Field(default=None, description="The model's own unless given.")
    passage_prefix: str | None = None
    max_tokens: int | None = Field(default=None, gt=0, description="The model's own window.")
    batch_tokens: int = Field(
        default=4096, gt=0, description="Tokens in one call of the model: memory, not results."
    )
    threads: int = Field(default=1, ge=1, description="Threads of a model on the processor.")
    device: str = "cpu"
    dimension: int | None = Field(default=None, gt=0, description="Asked of an endpoint.")
    base_url: str | None = Field(default=None, description="Of an OpenAI-compatible endpoint.")
    api_key_env: str = Field(
        default="OPENAI_API_KEY", description="The environment variable that holds the key."
    )
    price_per_million_tokens: float = Field(default=0.0, ge=0)
    timeout_seconds: float = Field(default=60.0, gt=0)
    max_retries: int = Field(default=6, ge=0)


class IndexSettings(_Section):
    """The search index. Below `ann_above_rows` a search compares with every row, exactly."""

    name: str = Field(default="documents", pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    ann_above_rows: int = Field(default=100_000, ge=1_000)
    nprobes: int = Field(default=20, gt=0)
    refine_factor: int = Field(default=10, gt=0)
    language: Language = Field(default="English", description="Stemming of full-text search.")
    rebuild_text_below_rows: int = Field(
        default=250_000,
        ge=0,
        description="Up to here the full-text index is rebuilt at each publish, so that its scores "
        "do not depend on history; above it is updated.",
    )


class GuardSettings(_Section):
    """When a run stops before it publishes."""

    max_vanished_share: Share = Field(default=0.3, description="Of the last release's documents.")
    max_shrunk_share: Share = Field(default=0.3, description="Of the documents still there.")
    shrunk_below: Share = Field(default=0.5, description="Of its former characters.")
    min_documents: int = Field(default=10, ge=0, description="Smaller releases are not guarded.")


class LeaseSettings(_Section):
    """The one writer at a time."""

    ttl_seconds: float = Field(default=90.0, gt=0, description="A silent writer loses it then.")
    wait_seconds: float = Field(default=0.0, ge=0, description="How long to wait for another.")


class RetentionSettings(_Section):
    """Which releases stay open in LanceDB (hot). The others stay in Delta (cold), from which
    `almanac restore --mode reopen` builds them again, exactly. Days, weeks, months and years are
    those that have a release, UTC; of each its last release is kept."""

    keep_last: int = Field(default=7, ge=1, description="The newest releases.")
    daily: int = Field(default=14, ge=0)
    weekly: int = Field(default=8, ge=0)
    monthly: int = Field(default=24, ge=0)
    yearly: int = Field(default=10, ge=0)
    pinned: tuple[int, ...] = Field(default=(), description="Releases that stay open for ever.")
    cold_days: int | None = Field(
        default=None, ge=1, description="Older cold releases are dropped for good; for ever."
    )
    grace_minutes: float = Field(
        default=60.0, ge=0, description="Unneeded files stay so long, for readers."
    )


class UpgradeSettings(_Section):
    """When an index made by another embedder or chunker takes the place of the present one."""

    questions: str | None = Field(
        default=None,
        description="JSONL rows with id, text and the relevant doc_ids: the golden questions.",
    )
    margin: Share = Field(default=0.02, description="Of recall@10 that may be lost, at worst.")
    min_questions: int = Field(default=20, ge=1, description="Fewer show too little.")


class FeedbackSettings(_Section):
    """Where requests and votes are read from when no file is named."""

    log: str | None = Field(default=None, description="A file or folder: JSONL, Parquet, or spans.")
    votes: str | None = Field(default=None, description="A file: JSONL or Parquet.")
    columns: dict[str, str] = Field(
        default={}, description="Where a field has another name in the log: field = its column."
    )


class EndpointSettings(_Section):
    """A chat model behind an OpenAI-compatible endpoint; none unless a model is named."""

    model: str | None = Field(default=None, description="The endpoint's name of the model.")
    base_url: str | None = Field(
        default=None, description="Of the endpoint; OpenAI's unless given."
    )
    api_key_env: str = Field(
        default="OPENAI_API_KEY", description="The environment variable that holds the key."
    )
    seed: int = 0
    max_tokens: int = Field(default=512, gt=0, description="Of one answer.")
    timeout_seconds: float = Field(default=60.0, gt=0)
    max_retries: int = Field(default=4, ge=0)


class TriageSettings(_Section):
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


class DatasetSettings(_Section):
    """Which feedback may be trained on."""

    held_back: Share = Field(default=0.2, description="Of the questions, by hash.")
    salt: str = Field(default="almanac", description="Another one draws another split.")
    max_tokens: int = Field(
        default=960,
        ge=64,
        description="Of prompt and answer; longer ones are dropped. The recipe's max_length must "
        "leave room for what the model's template adds, about 10 tokens a message.",
    )
    near_duplicate: Share = Field(default=0.85, description="Jaccard similarity of word 3-grams.")
    max_per_user: int = Field(default=100, ge=1, description="Examples of one user.")
    like_share: Share = Field(
        default=0.3, description="Of the training examples, at most, that are likes."
    )
    languages: tuple[str, ...] = Field(
        default=("en", "ru"), description="In which personal data is looked for."
    )
    system_prompt: str = Field(
        default="Answer the question from the context alone. Be brief.",
        description="Where the log has no final prompt.",
    )


class TuningSettings(_Section):
    """How an adapter is trained, judged, and when by itself."""

    base: str = Field(
        default="small",
        description="small comes with the installation; else a hub id or a folder.",
    )
    revision: str | None = Field(default=None, description="A commit of the hub.")
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
    # With differences of F1 that vary by 0.25, as they do, an interval over 100 questions reaches
    # 0.05 to each side: less could not be told from nothing.
    margin: Share = Field(default=0.05, description="Of F1 that golden and liked answers may lose.")
    min_questions: int = Field(default=20, ge=1, description="Fewer held back show too little.")
    min_new_faults: int = Field(
        default=50, ge=1, description="New model faults that start a tune by themselves."
    )
    cooldown_days: float = Field(default=7.0, ge=0, description="Between two such tunes.")
    approval_days: float = Field(default=14.0, gt=0, description="That a run waits for a person.")
    mlflow: str | None = Field(
        default=None, description="Tracking URI of a registry that mirrors adapters."
    )


class Settings(BaseSettings):
    """The whole configuration; see the module's docstring for where it comes from."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=ENV_PREFIX, env_nested_delimiter="__"
    )

    lakehouse: str = Field(default=".almanac", description="A folder or an object-store URI.")
    storage_options: dict[str, str] = Field(
        default={}, description="For the lakehouse, spelled AWS_ENDPOINT_URL, AWS_REGION and so on."
    )
    sources: dict[str, SourceSettings] = {}
    chunker: ChunkerSettings = ChunkerSettings()
    embedder: EmbedderSettings = EmbedderSettings()
    index: IndexSettings = IndexSettings()
    guards: GuardSettings = GuardSettings()
    lease: LeaseSettings = LeaseSettings()
    retention: RetentionSettings = RetentionSettings()
    upgrade: UpgradeSettings = UpgradeSettings()
    feedback: FeedbackSettings = FeedbackSettings()
    judge: EndpointSettings = EndpointSettings()
    teacher: EndpointSettings = EndpointSettings()
    triage: TriageSettings = TriageSettings()
    dataset: DatasetSettings = DatasetSettings()
    tuning: TuningSettings = TuningSettings()

    @classmethod
    def settings_customise_sources(  # noqa: D102 (pydantic-settings defines it)
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # What load_settings passes in is the file, so the environment goes first.
        return env_settings, init_settings

    def with_source(self, spec: str) -> Settings:
        """These settings reading from elsewhere: `URI`, or `NAME=URI` for one of several sources.

        The name, not the address, identifies the documents: nights may read from different folders.

        Raises:
            ConfigError: several sources are configured and `spec` names none of them.
        """
        name, mark, uri = spec.partition("=")
        if not mark or name not in self.sources:
            if len(self.sources) > 1:
                known = ", ".join(sorted(self.sources))
                raise ConfigError(
                    f"--source {spec}: several sources are configured ({known}); say NAME={spec}"
                )
            name, uri = next(iter(self.sources), "documents"), spec
        base = self.sources.get(name)
        source = base.model_copy(update={"uri": uri}) if base else SourceSettings(uri=uri)
        return self.model_copy(update={"sources": {**self.sources, name: source}})


def load_settings(path: str | Path | None = None, **overrides: Any) -> Settings:
    """Read the configuration.

    Args:
        path: the file; else `ALMANAC_CONFIG`, else `almanac.toml` in the working directory if it
            is there, else the defaults alone.
        overrides: top-level keys that win over file and environment.

    Raises:
        ConfigError: the file is missing or no TOML, a key is unknown or a value is out of bounds.
    """
    file = _find_file(path)
    values = _read_toml(file) if file else {}
    _refuse_unknown_environment()
    try:
        settings = Settings(**_anchored(values, file))
        return settings.model_copy(update=overrides) if overrides else settings
    except ValidationError as error:
        raise ConfigError(_explain(error, file)) from None


def _find_file(path: str | Path | None) -> Path | None:
    named = path or os.environ.get(ENV_FILE)
    if named:
        file = Path(named)
        if not file.is_file():
            raise ConfigError(f"the configuration {file} does not exist")
        return file
    default = Path(DEFAULT_FILE)
    return default if default.is_file() else None


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is not valid TOML: {error}") from None


def _anchored(values: dict[str, Any], file: Path | None) -> dict[str, Any]:
    """Relative paths in the file are relative to the file, wherever a run is started."""
    if file is None:
        return values
    root = file.resolve().parent
    if isinstance(values.get("lakehouse"), str):
        values["lakehouse"] = anchor(values["lakehouse"], root)
    else:
        values.setdefault("lakehouse", str(root / ".almanac"))
    for section, key in _PATHS:
        table = values.get(section)
        if isinstance(table, dict) and isinstance(table.get(key), str):
            table[key] = anchor(table[key], root)
    for source in (values.get("sources") or {}).values():
        if isinstance(source, dict) and isinstance(source.get("uri"), str):
            source["uri"] = anchor(source["uri"], root)
    return values


def anchor(uri: str, root: Path) -> str:
    """`uri` itself where it is a URL, else the path it names seen from `root`."""
    return uri if "://" in uri else str(root / Path(uri).expanduser())


def _refuse_unknown_environment() -> None:
    known = {f"{ENV_PREFIX}{name}".upper() for name in Settings.model_fields} | {ENV_FILE}
    for name in sorted(os.environ):
        if name.startswith(ENV_PREFIX) and name.split("__")[0].upper() not in known:
            raise ConfigError(f"the environment variable {name} names no setting")


def _explain(error: ValidationError, file: Path | None) -> str:
    where = str(file) if file else "the environment"
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"unknown setting {key!r} in {where}"
    return f"setting {key!r} in {where}: {first['msg']} (found {first.get('input')!r})"

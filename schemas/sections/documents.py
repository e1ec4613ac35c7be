"""From sources to an index: reading, cutting, embedding, publishing and keeping."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from schemas.dated import is_dated
from schemas.sections.access import AccessSettings
from schemas.sections.base import Section, Share

Language = Literal[
    "Arabic",
    "Danish",
    "Dutch",
    "English",
    "Finnish",
    "French",
    "German",
    "Greek",
    "Hungarian",
    "Italian",
    "Norwegian",
    "Portuguese",
    "Romanian",
    "Russian",
    "Spanish",
    "Swedish",
    "Tamil",
    "Turkish",
]


class Columns(Section):
    """Which columns of a table hold what. Several `id` columns are joined with `/`."""

    id: tuple[str, ...] = Field(
        default=("id",), description="What names a row for ever; several are joined with /."
    )
    text: str = Field(default="text", description="The text that is cut, embedded and found.")
    title: str | None = Field(default="title", description="What a row is called.")
    metadata: tuple[str, ...] | None = Field(
        default=None, description="Columns kept as metadata; all the others unless given."
    )

    format: Literal["auto", "markdown", "html", "plain"] = Field(
        default="auto",
        description="Of the texts; auto: HTML where a text looks like it, else Markdown.",
    )

    @field_validator("id", mode="before")
    @classmethod
    def _one_id(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


class HtmlSettings(Section):
    """Which part of a web page is read, by CSS selectors; its `<main>` or `<article>` otherwise."""

    select: tuple[str, ...] = Field(default=(), description="Only these elements.")
    drop: tuple[str, ...] = Field(default=(), description="Never these elements.")
    repeated: Literal["drop", "keep"] = Field(
        default="drop",
        description="drop: text that stands on most pages of a site is kept on one of them alone.",
    )


_OWN_KINDS = ("auto", "folder", "table")


class SourceSettings(Section):
    """Where documents come from: a folder or a table, on any file system fsspec knows, or what a
    connector reads.

    Keys that only a connector knows stand beside the others in the file, and here in `options`;
    the connector checks them (`almanac.sources.registry`).
    """

    uri: str = Field(
        description="A path or URL: ./docs, s3://bucket/docs, https://host/items.csv. {date} and "
        "{as_of:%Y/%m/%d} in it become the run's logical time in `time_zone`: docs/{date} is "
        "docs/2026-03-04."
    )
    kind: str = Field(
        default="auto",
        pattern=r"^[a-z][a-z0-9_-]*$",
        description="auto: a table where the URI ends like one, else a folder. folder, table, "
        "chat, confluence, dlt, git, mail, notion, sql, web, or what another package brings.",
    )
    include: tuple[str, ...] | None = Field(
        default=None,
        description="Globs of the paths to read, upper and lower case alike; the endings of all "
        "formats but JSON unless given.",
    )
    exclude: tuple[str, ...] = Field(
        default=(), description="Globs of the paths to leave out; they win over include."
    )
    max_bytes: int = Field(default=50_000_000, gt=0, description="Larger files are quarantined.")
    parse_timeout_seconds: float = Field(
        default=60.0, gt=0, description="A file whose parser takes longer is quarantined."
    )
    columns: Columns = Columns()
    html: HtmlSettings = HtmlSettings()
    ocr: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z_]+(\+[A-Za-z_]+)*$",
        description="Languages in which tesseract, where it is installed, reads PDF pages without "
        "text: eng, eng+rus. Unless given, such pages are named in quarantine.",
    )
    storage_options: dict[str, str] = Field(default={}, repr=False, description="Passed to fsspec.")
    redirects: tuple[str, ...] = Field(
        default=(),
        description="Hosts or origins beside its own to which a web source may be redirected: "
        'cdn.example.com, or "http://10.0.0.7:8080" for one without TLS or in the network.',
    )
    access: AccessSettings = AccessSettings()
    options: dict[str, Any] = Field(default={}, repr=False, description="Keys of the connector.")

    @model_validator(mode="before")
    @classmethod
    def _with_options(cls, values: Any) -> Any:
        if not isinstance(values, dict) or values.get("kind", "auto") in _OWN_KINDS:
            return values
        known = {key: value for key, value in values.items() if key in cls.model_fields}
        unknown = {key: value for key, value in values.items() if key not in cls.model_fields}
        return {**known, "options": {**known.get("options", {}), **unknown}}

    @field_validator("uri")
    @classmethod
    def _right_template(cls, uri: str) -> str:
        is_dated(uri)  # raises where a brace holds no date
        return uri

    @property
    def is_connector(self) -> bool:
        """Whether something else than files is read."""
        return self.kind not in _OWN_KINDS


class ChunkerSettings(Section):
    """How documents are cut. Tokens are the embedder's own."""

    max_tokens: int | None = Field(
        default=None, ge=16, description="The embedder's window unless given."
    )
    target_tokens: int = Field(default=160, ge=8, description="The usual length of a chunk.")


class EmbedderSettings(Section):
    """Which model turns text into vectors."""

    provider: Literal["local", "openai"] = Field(
        default="local",
        description="local: a model in this process. openai: an OpenAI-compatible endpoint.",
    )
    model: str = Field(
        default="english",
        description="english and multilingual come with the installation; else a hub id, a folder, "
        "or the endpoint's name of the model.",
    )
    revision: str | None = Field(default=None, description="A commit of the hub, or a version.")
    precision: Literal["float32", "bfloat16", "float16"] = Field(
        default="float32",
        description="Of a local model's arithmetic; another one is another index.",
    )
    normalize: bool = Field(default=True, description="Bring vectors to length one.")
    query_prefix: str | None = Field(default=None, description="The model's own unless given.")
    passage_prefix: str | None = Field(default=None, description="The model's own unless given.")
    max_tokens: int | None = Field(default=None, gt=0, description="The model's own window.")
    batch_tokens: int = Field(
        default=4096, gt=0, description="Tokens in one call of the model: memory, not results."
    )
    threads: int = Field(default=1, ge=1, description="Threads of a model on the processor.")
    device: str = Field(
        default="cpu", description="Of a local model, as torch names it: cuda, cuda:1."
    )
    dimension: int | None = Field(default=None, gt=0, description="Asked of an endpoint.")
    base_url: str | None = Field(default=None, description="Of an OpenAI-compatible endpoint.")
    api_key_env: str = Field(
        default="OPENAI_API_KEY", description="The environment variable that holds the key."
    )
    api_version: str | None = Field(
        default=None,
        description="Of Azure OpenAI, which then is spoken to in its own paths and headers; "
        "`model` is the name of the deployment.",
    )
    batch_texts: int = Field(
        default=256, gt=0, description="Texts in one request to an endpoint; fewer where refused."
    )
    too_long: Literal["pieces", "truncate", "stop"] = Field(
        default="pieces",
        description="A passage longer than the endpoint's model reads: embed its pieces and take "
        "their mean, embed its beginning, or stop the run.",
    )
    batch_api: bool = Field(
        default=False,
        description="Embed passages by OpenAI's batch API, at half the price and within a day: a "
        "run submits them, and a later one collects them and publishes.",
    )
    batch_wait_minutes: float = Field(
        default=0.0, ge=0, description="How long a run waits for its batches before it ends."
    )
    price_per_million_tokens: float = Field(
        default=0.0, ge=0, description="In whatever currency; plans and reports tell costs by it."
    )
    timeout_seconds: float = Field(
        default=60.0, gt=0, description="How long one request to an endpoint may take."
    )
    max_retries: int = Field(
        default=6, ge=0, description="Of a request that failed, each after a longer pause."
    )
    rate_limit_seconds: float = Field(
        default=900.0, ge=0, description="How long one request waits for a rate limit (HTTP 429)."
    )


class IndexSettings(Section):
    """The search index. Below `ann_above_rows` a search compares with every row, exactly."""

    name: str = Field(
        default="documents",
        pattern=r"^[a-z0-9][a-z0-9-]{0,62}$",
        description="A lakehouse may hold several; each has releases of its own.",
    )
    ann_above_rows: int = Field(
        default=100_000, ge=1_000, description="From here on an approximate vector index is built."
    )
    exact_memory_mb: int = Field(
        default=512,
        ge=0,
        description="Vectors that a server keeps in memory of each release that it has open, so "
        "that an exact search reads no file (154 MB are 100,000 passages of 384 numbers); those of "
        "greater releases are read from LanceDB.",
    )
    nprobes: int = Field(
        default=20, gt=0, description="Partitions that an approximate search looks into."
    )
    refine_factor: int = Field(
        default=10, gt=0, description="So many times the hits asked for are compared exactly."
    )
    language: Language = Field(default="English", description="Stemming of full-text search.")
    tokenizer: Literal["auto", "words", "icu", "ngram"] = Field(
        default="auto",
        description="How full-text search finds words: at blanks and signs (words), by ICU's "
        "dictionaries, or by two and three letters (ngram). auto: icu once a text is Chinese, "
        "Japanese or Thai, ngram where most are Korean, else words.",
    )
    rebuild_text_below_rows: int = Field(
        default=250_000,
        ge=0,
        description="Up to here the full-text index is rebuilt at each publish, so that its scores "
        "do not depend on history; above it is updated.",
    )


class LossLimitSettings(Section):
    """When a run stops before it publishes."""

    max_vanished_share: Share = Field(default=0.3, description="Of the last release's documents.")
    max_shrunk_share: Share = Field(default=0.3, description="Of the documents still there.")
    shrunk_below: Share = Field(default=0.5, description="Of its former characters.")
    min_documents: int = Field(default=10, ge=0, description="Smaller releases have no limits.")


class ExpectationSettings(Section):
    """What is kept of the checks that documents go through, beside the quarantine."""

    data_docs: bool = Field(
        default=False,
        description="Write Great Expectations' page of each source's last validation to "
        "data_docs/ of the lakehouse.",
    )
    data_docs_url: str | None = Field(
        default=None,
        description="Where a web server shows that folder; runs link to it, else they name it.",
    )


class LeaseSettings(Section):
    """The one writer at a time."""

    ttl_seconds: float = Field(default=90.0, gt=0, description="A silent writer loses it then.")
    wait_seconds: float = Field(default=0.0, ge=0, description="How long to wait for another.")


class RetentionSettings(Section):
    """Which releases stay open in LanceDB (hot). The others stay in Delta (cold), from which
    `almanac restore --mode reopen` builds them again, exactly. Days, weeks, months and years are
    those that have a release, UTC; of each its last release is kept."""

    keep_last: int = Field(default=7, ge=1, description="The newest releases.")
    daily: int = Field(default=14, ge=0, description="Days whose last release stays open.")
    weekly: int = Field(default=8, ge=0, description="Weeks whose last release stays open.")
    monthly: int = Field(default=24, ge=0, description="Months whose last release stays open.")
    yearly: int = Field(default=10, ge=0, description="Years whose last release stays open.")
    pinned: tuple[int, ...] = Field(default=(), description="Releases that stay open for ever.")
    requests_days: int = Field(
        default=14,
        ge=0,
        description="Releases that answered a request of so many days stay open, so that a dislike "
        "of it can be looked into, and the answer made again.",
    )
    cold_days: int | None = Field(
        default=None, ge=1, description="Older cold releases are dropped for good; for ever."
    )
    grace_minutes: float = Field(
        default=60.0, ge=0, description="Unneeded files stay so long, for readers."
    )


class UpgradeSettings(Section):
    """When an index made by another embedder or chunker takes the place of the present one."""

    questions: str | None = Field(
        default=None,
        description="JSONL rows with id, text and the relevant doc_ids: the golden questions.",
    )
    margin: Share = Field(default=0.02, description="Of recall@10 that may be lost, at worst.")
    min_questions: int = Field(default=20, ge=1, description="Fewer show too little.")

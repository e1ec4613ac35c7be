"""One frozen, typed configuration: `almanac.toml`, each key overridable from the environment.

`ALMANAC_EMBEDDER__MODEL=multilingual` overrides `model` in `[embedder]`; two underscores step into
a table. Values that are lists or tables are written as JSON. Unknown keys are refused by name.
The sections themselves are in `schemas.sections`.
"""

from __future__ import annotations

import logging
import os
import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from schemas.errors import ConfigError
from schemas.explain import explain, meant
from schemas.secrets import refuse_credentials
from schemas.sections.compute import ComputeSettings
from schemas.sections.costs import BudgetSettings, PriceSettings
from schemas.sections.documents import (
    ChunkerSettings,
    Columns,
    EmbedderSettings,
    ExpectationSettings,
    IndexSettings,
    LeaseSettings,
    LossLimitSettings,
    RetentionSettings,
    SourceSettings,
    UpgradeSettings,
)
from schemas.sections.feedback import (
    DatasetSettings,
    EndpointSettings,
    FeedbackSettings,
    TriageSettings,
    TuningSettings,
)
from schemas.sections.judging import JudgingSettings
from schemas.sections.operating import AlarmSettings, DriftSettings, ServerSettings
from schemas.sections.rollouts import RolloutSettings
from schemas.sections.serving import (
    AssistantSettings,
    GateSettings,
    ModelEndpoint,
    ServingSettings,
)

__all__ = [
    "AlarmSettings",
    "AssistantSettings",
    "BudgetSettings",
    "ChunkerSettings",
    "Columns",
    "DatasetSettings",
    "DriftSettings",
    "EmbedderSettings",
    "EndpointSettings",
    "ExpectationSettings",
    "FeedbackSettings",
    "GateSettings",
    "IndexSettings",
    "JudgingSettings",
    "LeaseSettings",
    "LossLimitSettings",
    "ModelEndpoint",
    "PriceSettings",
    "RetentionSettings",
    "RolloutSettings",
    "ServerSettings",
    "ServingSettings",
    "Settings",
    "SourceSettings",
    "TriageSettings",
    "TuningSettings",
    "UpgradeSettings",
    "anchor",
    "load_settings",
    "settings_for",
]

DEFAULT_FILE = "almanac.toml"
ENV_PREFIX = "ALMANAC_"
ENV_FILE = "ALMANAC_CONFIG"
_RENAMED = {"guards": "loss_limits"}  # keys of earlier versions, which are still read
_log = logging.getLogger("almanac.settings")
_PATHS = (
    ("upgrade", "questions"),
    ("feedback", "log"),
    ("feedback", "votes"),
    ("tuning", "golden"),
    ("gate", "golden"),
    ("tuning", "workdir"),
    ("server", "home"),
    ("serving", "journal"),
)


class Settings(BaseSettings):
    """The whole configuration; see the module's docstring for where it comes from."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=ENV_PREFIX, env_nested_delimiter="__"
    )

    lakehouse: str = Field(default=".almanac", description="A folder or an object-store URI.")
    storage_options: dict[str, str] = Field(
        default={},
        repr=False,
        description="For the lakehouse, spelled AWS_ENDPOINT_URL, AWS_REGION and so on.",
    )
    durability: Literal["full", "none"] = Field(
        default="full",
        description="Of a lakehouse in a folder: is a release on the disk before it is published?",
    )
    time_zone: str = Field(
        default="UTC",
        description="Whose days {date} and {as_of:…} in an address are: Europe/Berlin. That of the "
        "nightly schedule, or it may lose a day when the clock changes.",
    )
    sources: dict[str, SourceSettings] = {}
    chunker: ChunkerSettings = ChunkerSettings()
    embedder: EmbedderSettings = EmbedderSettings()
    index: IndexSettings = IndexSettings()
    loss_limits: LossLimitSettings = LossLimitSettings()
    expectations: ExpectationSettings = ExpectationSettings()
    lease: LeaseSettings = LeaseSettings()
    compute: ComputeSettings = ComputeSettings()
    retention: RetentionSettings = RetentionSettings()
    upgrade: UpgradeSettings = UpgradeSettings()
    feedback: FeedbackSettings = FeedbackSettings()
    judge: EndpointSettings = EndpointSettings()
    teacher: EndpointSettings = EndpointSettings()
    triage: TriageSettings = TriageSettings()
    dataset: DatasetSettings = DatasetSettings()
    tuning: TuningSettings = TuningSettings()
    drift: DriftSettings = DriftSettings()
    alarms: AlarmSettings = AlarmSettings()
    server: ServerSettings = ServerSettings()
    serving: ServingSettings = ServingSettings()
    gate: GateSettings = GateSettings()
    assistants: dict[str, AssistantSettings] = {}
    endpoints: dict[str, ModelEndpoint] = {}
    prices: dict[str, PriceSettings] = {}
    budgets: dict[str, BudgetSettings] = {}
    rollouts: RolloutSettings = RolloutSettings()
    judging: JudgingSettings = JudgingSettings()

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{name!r} is no time zone; right is Europe/Berlin, or UTC") from None
        return name

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
            ConfigError: several sources are configured and `spec` names none of them, or the
                address carries a credential.
        """
        refuse_credentials(spec)
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
        ConfigError: the file is missing or no TOML, a key is unknown, a value is out of bounds, or
            an overriding address carries a credential.
    """
    for uri in overrides.values():
        refuse_credentials(str(uri))
    file = _find_file(path)
    values = _read_toml(file) if file else {}
    _refuse_unknown_environment()
    earlier = _read_earlier_names(values, file)
    try:
        settings = Settings(**_anchored(values, file))
        return settings.model_copy(update=overrides) if overrides else settings
    except ValidationError as error:
        where = str(file) if file else "the environment"
        said = explain(error, Settings, where)
        for name, before in earlier.items():
            said = said.replace(f"setting '{name}", f"setting '{before}")
        raise ConfigError(said) from None


def settings_for(config: str | None, lakehouse: str | None) -> Settings:
    """The configuration as the last two parameters of a flow change it."""
    return load_settings(config, **({"lakehouse": lakehouse} if lakehouse else {}))


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
        unclosed = "Illegal character '\\n'" in str(error)
        hint = ": a quote is not closed there" if unclosed else ""
        raise ConfigError(f"{file} is not valid TOML: {error}{hint}") from None


def _read_earlier_names(values: dict[str, Any], file: Path | None) -> dict[str, str]:
    """Give tables and variables of earlier names their present one: the earlier by the present."""
    used = {}
    for earlier, name in _RENAMED.items():
        if earlier in values:
            if name in values:
                raise ConfigError(f"[{earlier}] and [{name}] in {file} are the same: keep one")
            values[name] = values.pop(earlier)
            used[name] = earlier
            _note_renamed(f"[{earlier}] in {file and file.resolve()}", f"[{name}]")
        table = values.get(name, {})
        before, now = (f"{ENV_PREFIX}{one}__".upper() for one in (earlier, name))
        for variable in sorted(os.environ):
            if variable.startswith(before) and isinstance(table, dict):
                key = variable.removeprefix(before)
                values[name] = table | {key.lower(): os.environ[variable]}
                table = values[name]
                _note_renamed(variable, now + key)
    return used


@cache
def _note_renamed(earlier: str, present: str) -> None:
    """Once a process."""
    _log.warning("%s is called %s now; the earlier name is still read", earlier, present)


def _anchored(values: dict[str, Any], file: Path | None) -> dict[str, Any]:
    """Relative paths in the file are relative to the file, wherever a run is started."""
    if file is None:
        return values
    root = file.resolve().parent
    if isinstance(values.get("lakehouse"), str):
        values["lakehouse"] = anchor(values["lakehouse"], root)
    else:
        values.setdefault("lakehouse", str(root / ".almanac"))
    if isinstance(server := values.setdefault("server", {}), dict):
        server.setdefault("home", str(root / ".almanac-server"))
    for section, key in _PATHS:
        table = values.get(section)
        if isinstance(table, dict) and isinstance(table.get(key), str):
            table[key] = anchor(table[key], root)
    assistants = values.get("assistants")
    for assistant in assistants.values() if isinstance(assistants, dict) else ():
        if isinstance(assistant, dict) and isinstance(assistant.get("prompt"), str):
            assistant["prompt"] = anchor(assistant["prompt"], root)
    sources = values.get("sources")
    for source in sources.values() if isinstance(sources, dict) else ():
        if isinstance(source, dict) and isinstance(source.get("uri"), str):
            source["uri"] = anchor(source["uri"], root)
    return values


def anchor(uri: str, root: Path) -> str:
    """`uri` itself where it is a URL, else the path it names seen from `root`."""
    if uri.startswith("sqlite:///") and not uri.startswith("sqlite:////"):
        return f"sqlite:///{root / uri.removeprefix('sqlite:///')}"
    return uri if "://" in uri else str(root / Path(uri).expanduser())


def _refuse_unknown_environment() -> None:
    known = {f"{ENV_PREFIX}{name}".upper() for name in Settings.model_fields} | {ENV_FILE}
    earlier = tuple(f"{ENV_PREFIX}{name}__".upper() for name in _RENAMED)
    for name in sorted(os.environ):
        if name.startswith(earlier):
            continue
        if name.startswith(ENV_PREFIX) and name.split("__")[0].upper() not in known:
            hint = meant(name.split("__")[0], sorted(known))
            said = f"; did you mean {hint}?" if hint else ""
            raise ConfigError(f"the environment variable {name} names no setting{said}")

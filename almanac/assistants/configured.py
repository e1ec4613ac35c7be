"""Versions that the configuration gives: [assistants.NAME], or one assistant without any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from almanac.assistants import prompts
from almanac.assistants.files import configured_prompt
from almanac.assistants.spec import VersionSpec, spec_of_settings
from almanac.assistants.template import Prompt
from lakehouse import Lakehouse
from lakehouse.assistants import StoredVersion
from schemas.errors import ConfigError
from schemas.sections.serving import LOCAL
from schemas.settings import AssistantSettings, Settings

SMALL_MODEL = "smollm2-135m"  # the model of the endpoint `local`
BY_CONFIGURATION = "configuration"  # the author of what nobody made by a command
# What a model of 135 million parameters can take in, and what a processor reads in a few seconds.
_SMALL = AssistantSettings(k=3, max_context_tokens=900, max_tokens=120)


@dataclass(frozen=True, slots=True)
class Configured:
    """The version of an assistant as it is configured, with its prompt; neither is stored yet."""

    spec: VersionSpec
    prompt: Prompt
    prompt_name: str


def configured(settings: Settings) -> Mapping[str, AssistantSettings]:
    """[assistants.NAME]; without any of them one that is called after the index.

    It uses the only endpoint of [endpoints], and the small model where there is none.
    """
    if settings.assistants:
        return settings.assistants
    endpoint = next(iter(settings.endpoints)) if len(settings.endpoints) == 1 else LOCAL
    if endpoint == LOCAL:
        return {settings.index.name: _SMALL}
    return {settings.index.name: AssistantSettings(endpoint=endpoint)}


def configured_version(settings: Settings, name: str) -> Configured:
    """The version of an assistant that the configuration gives.

    Raises:
        ConfigError: no such assistant is configured, or its endpoint or prompt is wrong.
    """
    every = configured(settings)
    if name not in every:
        raise ConfigError(f"no assistant {name!r} is configured, only: {', '.join(every)}")
    one = every[name]
    prompt = configured_prompt(one.prompt, small=one.endpoint == LOCAL)
    prompt.schema.values(one.variables)
    own = "almanac-small" if one.endpoint == LOCAL else "almanac-answer"
    model = model_of(settings, one.endpoint)
    spec = spec_of_settings(name, one, prompt.prompt_id, model, settings.index.name)
    return Configured(spec, prompt, Path(one.prompt).stem if one.prompt else own)


def model_of(settings: Settings, endpoint: str) -> str:
    """What an endpoint calls its model.

    Raises:
        ConfigError: there is no such endpoint.
    """
    if endpoint == LOCAL:
        return SMALL_MODEL
    if endpoint not in settings.endpoints:
        known = ", ".join([LOCAL, *sorted(settings.endpoints)])
        raise ConfigError(
            f"there is no endpoint {endpoint!r}, only {known}: add [endpoints.{endpoint}] with "
            "base_url and model"
        )
    return settings.endpoints[endpoint].model


def keep(lake: Lakehouse, found: Configured) -> StoredVersion:
    """Store what is configured, prompt first, unless it stands there already."""
    stored = lake.assistant_versions.get(found.spec.version)
    if lake.prompts.by_id(found.spec.prompt) is None:
        prompts.keep(lake, found.prompt, found.prompt_name, BY_CONFIGURATION)
    return stored or lake.assistant_versions.keep(
        StoredVersion(
            found.spec.version,
            found.spec.assistant,
            found.spec.plain(),
            BY_CONFIGURATION,
            datetime.now(UTC),
        )
    )

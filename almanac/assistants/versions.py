"""Versions of assistants: found by what people write, made from another one, frozen, compared."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from almanac.assistants import prompts
from almanac.assistants.configured import configured, configured_version, keep, model_of
from almanac.assistants.spec import VersionSpec, changed, spec_of
from almanac.assistants.standing import production, stages_of
from almanac.assistants.template import Prompt
from lakehouse import Lakehouse, open_lakehouse
from lakehouse.assistants import StoredVersion
from schemas.errors import AssistantRefused
from schemas.explain import meant
from schemas.settings import Settings
from schemas.times import parse_as_of

CONFIGURED = "configured"  # as NAME@configured: what the configuration gives


def answering(lake: Lakehouse, settings: Settings, name: str) -> StoredVersion | None:
    """The version of an assistant that answers users now; None where nothing does.

    One that is in production, else the one of the configuration, which is stored first.
    """
    if found := production(lake).get(name):
        return lake.assistant_versions.find(found)
    if name in configured(settings):
        return keep(lake, configured_version(settings, name))
    return None


def find(lake: Lakehouse, settings: Settings, wanted: str) -> StoredVersion:
    """A version by the beginning of its id, NAME, NAME@STAGE or NAME@configured.

    NAME is the version of that assistant that answers now.

    Raises:
        AssistantRefused: there is none, or an id is not told from another.
        ConfigError: the configuration of the assistant is wrong.
    """
    name, mark, stage = wanted.partition("@")
    names = names_of(lake, settings)
    if name not in names:
        near = meant(name, names)
        if near or mark:
            hint = f"did you mean {near!r}?" if near else f"only: {', '.join(names)}"
            raise AssistantRefused(f"there is no assistant {name!r}; {hint}")
        return lake.assistant_versions.find(wanted)
    if stage == CONFIGURED:
        return keep(lake, configured_version(settings, name))
    if not mark:
        if found := answering(lake, settings, name):
            return found
        raise AssistantRefused(f"no version of {name} answers: name one by its id")
    there = [one for one, at in stages_of(lake, name).items() if at == stage]
    if not there:
        raise AssistantRefused(f"no version of {name} is in {stage}: `almanac assistant list`")
    return lake.assistant_versions.find(there[-1])


def names_of(lake: Lakehouse, settings: Settings) -> list[str]:
    """Every assistant that is configured or has a version, configured ones first."""
    stored = (one.assistant for one in lake.assistant_versions.all())
    return list(dict.fromkeys([*configured(settings), *stored]))


def create(
    settings: Settings,
    base: str,
    author: str,
    *,
    prompt: str | None = None,
    values: Mapping[str, Any] | None = None,
    assistant: str | None = None,
    note: str = "",
) -> StoredVersion:
    """Store a version that differs from another one.

    Args:
        settings: the configuration.
        base: the version to begin with, as `find` takes it.
        author: who makes it.
        prompt: another prompt, as `prompts.find` takes it.
        values: other values by dotted key, as {"retrieval.k": 8}.
        assistant: make it a version of this one.
        note: why.

    Raises:
        AssistantRefused: there is no such version or prompt.
        ConfigError: a key is unknown, a value wrong, or the endpoint not configured.
    """
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    begun = find(lake, settings, base)
    given = dict(values or {})
    if prompt is not None:
        given["prompt"] = prompts.find(lake, prompt).prompt_id
    if assistant is not None:
        given["assistant"] = assistant
    if "route.endpoint" in given and "route.model" not in given:
        given["route.model"] = model_of(settings, str(given["route.endpoint"]))
    return store(lake, settings, changed(spec_of(begun.spec), given), author, note)


def store(
    lake: Lakehouse,
    settings: Settings,
    spec: VersionSpec,
    author: str,
    note: str = "",
    followed: str | None = None,
) -> StoredVersion:
    """Store a specification, checked: its prompt is stored, its variables and endpoint are right.

    Raises:
        AssistantRefused: its prompt is not stored.
        ConfigError: its endpoint is not configured, or a variable is wrong.
    """
    stored = lake.prompts.by_id(spec.prompt)
    if stored is None:
        raise AssistantRefused(
            f"no prompt {spec.prompt[:12]} is stored: `almanac prompt push FILE`"
        )
    Prompt.of(stored.content, stored.label).schema.values(spec.variables)
    for one in spec.route:
        model_of(settings, one.endpoint)
    row = StoredVersion(
        spec.version,
        spec.assistant,
        spec.plain(),
        author,
        datetime.now(UTC),
        note,
        followed,
    )
    return lake.assistant_versions.keep(row)


def resolved(lake: Lakehouse, spec: VersionSpec) -> dict[str, Any]:
    """What the policies of a version give now: the number of the release that it answers from.

    Raises:
        ReleaseNotFound: there is none.
    """
    releases = lake.releases(spec.index)
    when = None if spec.release == "latest" else parse_as_of(spec.release)
    return {"release": releases.as_of(when).seq}


def freeze(
    lake: Lakehouse,
    settings: Settings,
    version: StoredVersion,
    author: str,
    given: Mapping[str, Any] | None = None,
) -> StoredVersion:
    """The same version with its policies resolved: it answers alike for ever, from one release.

    Args:
        lake: the lakehouse.
        settings: the configuration.
        version: which one; a frozen one comes back as it is.
        author: who freezes it.
        given: what `resolved` said at another time, instead of now.
    """
    spec = spec_of(version.spec)
    release = str((given or resolved(lake, spec))["release"])
    if spec.release == release:
        return version
    frozen = spec.model_copy(update={"release": release})
    return store(lake, settings, frozen, author, f"frozen {version.short}", version.version)

"""What a version of an assistant is made of, and the name that its content gives it.

A field that comes later has a default and stays out of `_FIRST`: it enters the name only where it
has another value, so versions that were stored before it keep theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeVar

from pydantic import Field, ValidationError, field_validator

from schemas.errors import ConfigError
from schemas.explain import explain
from schemas.hashing import canonical_json, sha256_text
from schemas.sections.base import Section
from schemas.sections.guards import GuardSettings
from schemas.sections.serving import AssistantSettings, CacheSettings, right_release

S = TypeVar("S", bound="Part")


class Part(Section):
    """A part of a specification; `FIRST` are the fields that it began with."""

    FIRST: ClassVar[tuple[str, ...]]


class Retrieval(Part):
    """How passages are found, and how many words of them a prompt takes."""

    FIRST = ("mode", "k", "max_context_tokens", "max_history_tokens", "rewrite")

    mode: Literal["hybrid", "vector", "text"] = "hybrid"
    k: int = Field(default=6, ge=1, le=50)
    max_context_tokens: int = Field(default=1500, ge=64)
    max_history_tokens: int = Field(default=500, ge=0)
    rewrite: Literal["auto", "always", "never"] = "auto"


class Route(Part):
    """A model that answers: a name of [endpoints] and what that endpoint calls the model."""

    FIRST = ("endpoint", "model", "max_tokens")

    endpoint: str = Field(min_length=1)
    model: str = Field(min_length=1)
    max_tokens: int = Field(default=256, ge=1)


class Params(Part):
    """Parameters of generation."""

    FIRST = ("temperature", "seed")

    temperature: float = Field(default=0.0, ge=0, le=2)
    seed: int = 0


class VersionSpec(Part):
    """All that an assistant answers by. `prompt` is the whole id of a stored prompt.

    `release` is latest, or a number or a date that it stays at. `variables` are the values of what
    the prompt uses beyond question, passages and refusal.
    """

    FIRST = ("assistant", "prompt", "index", "release", "retrieval", "route", "params")

    assistant: str = Field(min_length=1)
    prompt: str = Field(pattern="^[0-9a-f]{64}$")
    index: str = Field(min_length=1)
    release: str = "latest"
    retrieval: Retrieval = Retrieval()
    route: tuple[Route, ...]
    params: Params = Params()
    refusal: str | None = None
    variables: Mapping[str, Any] = {}
    guards: GuardSettings = GuardSettings()
    cache: CacheSettings = CacheSettings()

    _release = field_validator("release")(right_release)

    @field_validator("route")
    @classmethod
    def _one_model(cls, route: tuple[Route, ...]) -> tuple[Route, ...]:
        if len(route) != 1:
            raise ValueError("must have one model")
        return route

    @property
    def version(self) -> str:
        """SHA-256 of the canonical JSON: the same content, the same version."""
        return sha256_text(canonical_json(self.plain()))

    @property
    def answers_alike(self) -> str:
        """The name of all that makes an answer but the release and the cache: SHA-256."""
        same = {"release": "latest", "cache": CacheSettings()}
        return self.model_copy(update=same).version

    @property
    def model(self) -> Route:
        """The model that answers."""
        return self.route[0]

    def plain(self) -> dict[str, Any]:
        """As JSON values; later fields only where they are used."""
        found: dict[str, Any] = _plain(self)
        return found

    def settings(self) -> AssistantSettings:
        """The same as [assistants.NAME] says it, but the prompt, which is stored."""
        return AssistantSettings(
            endpoint=self.model.endpoint,
            release=self.release,
            max_tokens=self.model.max_tokens,
            refusal=self.refusal,
            variables=dict(self.variables),
            guards=self.guards,
            cache=self.cache,
            **self.retrieval.model_dump(),
            **self.params.model_dump(),
        )


def spec_of(values: Mapping[str, Any], where: str = "the version") -> VersionSpec:
    """The specification of JSON values.

    Raises:
        ConfigError: a key is unknown, or a value is wrong; all of it is named, with what is right.
    """
    try:
        return VersionSpec.model_validate(values)
    except ValidationError as error:
        raise ConfigError(explain(error, VersionSpec, where)) from None


def spec_of_settings(
    name: str, settings: AssistantSettings, prompt_id: str, model: str, index: str
) -> VersionSpec:
    """What [assistants.NAME] says, with the prompt and the model that it stands for."""
    said = settings.model_dump()
    return VersionSpec(
        assistant=name,
        prompt=prompt_id,
        index=index,
        release=settings.release,
        retrieval=Retrieval(**{key: said[key] for key in Retrieval.FIRST}),
        route=(Route(endpoint=settings.endpoint, model=model, max_tokens=settings.max_tokens),),
        params=Params(temperature=settings.temperature, seed=settings.seed),
        refusal=settings.refusal,
        variables=settings.variables,
        guards=settings.guards,
        cache=settings.cache,
    )


def changed(spec: VersionSpec, values: Mapping[str, Any]) -> VersionSpec:
    """A specification with other values, by dotted key: {"retrieval.k": 8}.

    Keys of the model are written route.max_tokens. Raises ConfigError as `spec_of`.
    """
    plain = spec.model_dump(mode="json")
    for key, value in values.items():
        *path, last = key.split(".")
        at: Any = plain
        for part in path:
            at = at.setdefault(part, {}) if isinstance(at, dict) else {}
            at = at[0] if isinstance(at, list) else at
        if not isinstance(at, dict):
            raise ConfigError(f"--set {key}: {'.'.join(path)} is no table")
        at[last] = value
    return spec_of(plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Part):
        fields = type(value).model_fields
        kept = [
            name
            for name, field in fields.items()
            if name in value.FIRST
            or getattr(value, name) != field.get_default(call_default_factory=True)
        ]
        return {name: _plain(getattr(value, name)) for name in kept}
    if isinstance(value, GuardSettings | CacheSettings):
        return value.model_dump(mode="json", exclude_defaults=True)
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return dict(value) if isinstance(value, Mapping) else value

"""What a version of an assistant is made of, and the name that its content gives it.

A field that comes later has a default and stays out of `_FIRST`: it enters the name only where it
has another value, so versions that were stored before it keep theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeVar

from pydantic import Field, ValidationError, field_validator, model_validator

from almanac.assistants.conditions import topics_in
from schemas.errors import ConfigError
from schemas.explain import explain
from schemas.hashing import canonical_json, sha256_text
from schemas.sections.base import Section
from schemas.sections.guards import GuardSettings
from schemas.sections.serving import AssistantSettings, CacheSettings, right_release

S = TypeVar("S", bound="Part")
_MOST_MODELS = 8


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
    """A model that answers: a name of [endpoints] and what that endpoint calls the model.

    `name` is what answers say that they were served by, the endpoint's unless given. `when` is a
    condition of `conditions`. `adapter` is production, or an adapter's id, None for none.
    """

    FIRST = ("endpoint", "model", "max_tokens")

    endpoint: str = Field(min_length=1)
    model: str = Field(min_length=1)
    max_tokens: int = Field(default=256, ge=1)
    name: str | None = Field(default=None, min_length=1)
    adapter: str | None = Field(default=None, pattern="^(production|[0-9a-f]{12,64})$")
    when: str | None = None
    timeout_s: float | None = Field(default=None, gt=0)

    @property
    def label(self) -> str:
        """Its name."""
        return self.name or self.endpoint


class Escalate(Part):
    """When the next model of a route answers instead, before anything was shown.

    empty: it says that it does not know, or nothing; ungrounded: no passage supports what it says;
    failed: the endpoint failed, and no other model's condition holds.
    """

    FIRST = ("on", "at_most")

    on: tuple[Literal["empty", "ungrounded", "failed"], ...] = ("empty", "ungrounded", "failed")
    at_most: int = Field(default=1, ge=1, le=1)


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

    topics: Mapping[str, tuple[str, ...]] = {}
    escalate: Escalate | None = None

    _release = field_validator("release")(right_release)

    @field_validator("route")
    @classmethod
    def _some_models(cls, route: tuple[Route, ...]) -> tuple[Route, ...]:
        if not 1 <= len(route) <= _MOST_MODELS:
            raise ValueError(f"must have one model, or up to {_MOST_MODELS}")
        names = [one.label for one in route]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"has two models of the name {twice[0]!r}: give each a name")
        if route[-1].when is not None:
            raise ValueError(
                "the last model must have no `when`, so that there is one for every question"
            )
        return route

    @model_validator(mode="after")
    def _known_topics(self) -> VersionSpec:
        for one in self.route:
            try:
                unknown = [name for name in topics_in(one.when) if not self.topics.get(name)]
            except ConfigError as error:
                raise ValueError(str(error)) from None
            if unknown:
                raise ValueError(f"the topic {unknown[0]!r} has no examples in `topics`")
        return self

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
        """The first model of the route."""
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

    Keys of the first model are written route.max_tokens, those of the second route.2.max_tokens.
    Raises ConfigError as `spec_of`.
    """
    plain = spec.model_dump(mode="json")
    for key, value in values.items():
        *path, last = key.split(".")
        at: Any = plain
        number = int(path.pop(1)) if path[1:] and path[1].isdigit() else 1
        for part in path:
            at = at.setdefault(part, {}) if isinstance(at, dict) else {}
            at = at[number - 1] if isinstance(at, list) and 0 < number <= len(at) else at
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

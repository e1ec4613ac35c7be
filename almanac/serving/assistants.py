"""Assistants as they are configured, each with its prompt, its model and its version."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from almanac.llm.address import key
from almanac.llm.streaming import StreamingChat
from almanac.serving.rendering import Prompt
from schemas.errors import ConfigError
from schemas.hashing import canonical_json, sha256_text
from schemas.sections.serving import LOCAL
from schemas.settings import AssistantSettings, ModelEndpoint, Settings
from schemas.times import When, parse_as_of

# What a model of 135 million parameters can take in, and what a processor reads in a few seconds.
_SMALL = AssistantSettings(k=3, max_context_tokens=900, max_tokens=120)
_CYRILLIC = re.compile(r"[а-яё]", re.I)
_LETTER = re.compile(r"[^\W\d_]")
_REFUSALS = {"en": "I don't know.", "ru": "Я не знаю."}


@dataclass(frozen=True, slots=True)
class Assistant:
    """What clients name as their model.

    `version` is the first 12 digits of a SHA-256 over all that is configured of it, the prompt's
    text and the model's name included: the same configuration, the same version.
    """

    name: str
    settings: AssistantSettings
    prompt: Prompt
    chat: StreamingChat
    version: str

    @property
    def rewrites(self) -> bool:
        """Does its model make a follow-up into a question of its own?"""
        if self.settings.rewrite == "auto":
            return self.settings.endpoint != LOCAL
        return self.settings.rewrite == "always"

    def refusal_for(self, question: str) -> str:
        """What it says where nothing supports an answer."""
        return self.settings.refusal or _REFUSALS[language(question)]

    def when(self, asked: When | None) -> When | None:
        """The release that a question is asked of: the client's, else the one it stays at.

        None stands for the latest.
        """
        if asked is not None:
            return asked
        stays = self.settings.release
        return None if stays == "latest" else parse_as_of(stays)

    @property
    def params(self) -> dict[str, Any]:
        """The parameters of generation, as a request keeps them."""
        names = ("temperature", "seed", "max_tokens", "k", "mode", "max_context_tokens")
        return {name: getattr(self.settings, name) for name in names}


def language(text: str) -> str:
    """ru for a text of which most letters are Cyrillic, else en."""
    letters = len(_LETTER.findall(text))
    return "ru" if len(_CYRILLIC.findall(text)) * 2 > letters else "en"


def open_assistants(settings: Settings, local: StreamingChat | None) -> dict[str, Assistant]:
    """Every assistant by its name; one named after the index where none is configured.

    Args:
        local: the small model, where `needs_local`.

    Raises:
        ConfigError: an endpoint, its key or a prompt is wrong or missing.
    """
    chats: dict[str, StreamingChat] = {LOCAL: local} if local else {}
    for name in sorted({one.endpoint for one in configured(settings).values()} - {LOCAL}):
        endpoint = settings.endpoints.get(name)
        if endpoint is None:
            known = ", ".join([LOCAL, *sorted(settings.endpoints)])
            raise ConfigError(
                f"there is no endpoint {name!r}, only {known}: add [endpoints.{name}] with "
                "base_url and model"
            )
        secret = key(endpoint.base_url, endpoint.api_key_env, f"api_key_env of [endpoints.{name}]")
        chats[name] = StreamingChat(endpoint, secret)
    return {
        name: _open(name, one, settings, chats[one.endpoint])
        for name, one in configured(settings).items()
    }


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


def needs_local(settings: Settings) -> bool:
    """Does an assistant use the small model of the installation?"""
    return any(one.endpoint == LOCAL for one in configured(settings).values())


def local_endpoint(address: str, model: str) -> ModelEndpoint:
    """The small model, which may take its time on a slow processor."""
    return ModelEndpoint(
        base_url=address,
        model=model,
        timeout_seconds=180,
        first_token_seconds=120,
        max_retries=0,
        stop=("\nQuestion:",),  # it would go on with a question of its own
    )


def _open(
    name: str, settings: AssistantSettings, whole: Settings, chat: StreamingChat
) -> Assistant:
    prompt = Prompt.read(settings.prompt, small=settings.endpoint == LOCAL)
    spec = settings.model_dump(mode="json") | {
        "assistant": name,
        "prompt": prompt.prompt_id,
        "index": whole.index.name,
        "model": chat.endpoint.model,
    }
    version = sha256_text(canonical_json(spec))[:12]
    return Assistant(name, settings, prompt, chat, version)

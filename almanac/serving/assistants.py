"""An assistant as it answers: a version, opened with its prompt and its model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from almanac.assistants.logged import refusal_in
from almanac.assistants.template import Prompt
from almanac.llm.streaming import StreamingChat
from almanac.serving.legs import Leg
from schemas.feedback import Message
from schemas.sections.serving import LOCAL
from schemas.settings import AssistantSettings
from schemas.times import When, parse_as_of


@dataclass(frozen=True, slots=True)
class Assistant:
    """What clients name as their model.

    `version` is the id of the stored version that it answers by: a SHA-256 over all of it, the
    prompt's text and the model's name included. `answers_alike` is that of all but release and
    cache. `settings` are the same as a configuration says it. `topics` are examples of questions,
    by name; `escalates` are the outcomes at which the next model is asked.
    """

    name: str
    settings: AssistantSettings
    prompt: Prompt
    legs: tuple[Leg, ...]
    version: str
    answers_alike: str = ""
    topics: Mapping[str, Sequence[str]] = field(default_factory=dict)
    escalates: Sequence[str] = ()

    @property
    def chat(self) -> StreamingChat:
        """The first model of its route."""
        return self.legs[0].chat

    async def close(self) -> None:
        """Let the connections of its models go."""
        for leg in self.legs:
            await leg.chat.close()

    @property
    def short(self) -> str:
        """The beginning of its version, as people write it."""
        return self.version[:12]

    @property
    def rewrites(self) -> bool:
        """Does its model make a follow-up into a question of its own?"""
        if self.settings.rewrite == "auto":
            return self.settings.endpoint != LOCAL
        return self.settings.rewrite == "always"

    def refusal_for(self, question: str) -> str:
        """What it says where nothing supports an answer."""
        return self.settings.refusal or refusal_in(question)

    def render(
        self, question: str, passages: Sequence[dict[str, Any]], history: Sequence[Message] = ()
    ) -> list[Message]:
        """The messages for its model. Raises ConfigError where its template fails on them."""
        refusal, variables = self.refusal_for(question), self.settings.variables
        return self.prompt.render(question, passages, refusal, history, variables)

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

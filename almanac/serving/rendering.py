"""A prompt: a Jinja template in a sandbox, named by its content."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from schemas.errors import ConfigError
from schemas.feedback import Message
from schemas.hashing import sha256_text

_OURS = Path(__file__).parent / "prompts"
_BLOCKS = ("system", "user")
_EXAMPLE = {"n": 1, "doc_id": "a.md", "source": "documents", "heading": "A", "text": "A text."}


class Prompt:
    """The blocks `system` and `user` of a template; `prompt_id` is the SHA-256 of its text.

    A template sees `question`, `passages` (each with n, doc_id, source, heading and text), and
    `refusal`, the words for an answer that no passage has.

    Raises:
        ConfigError: the template is wrong, or wants something else.
    """

    def __init__(self, template: str, name: str) -> None:
        self.template = template
        self._name = name
        self.prompt_id = sha256_text(template)
        self.render("a question", [_EXAMPLE], "I don't know.")

    @classmethod
    def read(cls, file: str | None, small: bool = False) -> Prompt:
        """The prompt in a file; ours for None, which a small model is given in plainer words."""
        path = Path(file) if file else _OURS / ("small.j2" if small else "answer.j2")
        try:
            return cls(path.read_text(encoding="utf-8"), str(path))
        except OSError as error:
            raise ConfigError(f"the prompt {path}: {error.strerror}: correct `prompt`") from None
        except UnicodeDecodeError:
            raise ConfigError(f"the prompt {path} is no UTF-8") from None

    def render(
        self,
        question: str,
        passages: Sequence[dict[str, Any]],
        refusal: str,
        history: Sequence[Message] = (),
    ) -> list[Message]:
        """The messages for the model: the system's, earlier ones, and the question with passages.

        Raises:
            ConfigError: the template fails on these values.
        """
        values = {"question": question, "passages": list(passages), "refusal": refusal}
        try:
            template = self._compiled
            system, user = (
                "".join(template.blocks[block](template.new_context(values))).strip()
                for block in _BLOCKS
            )
        except KeyError as error:
            raise ConfigError(
                f"the prompt {self._name} has no block {error}: it needs "
                "{% block system %} and {% block user %}"
            ) from None
        except (TemplateError, TypeError, ValueError, ArithmeticError) as error:
            raise ConfigError(f"the prompt {self._name}: {error}") from None
        first = [{"role": "system", "content": system}] if system else []
        return [*first, *history, {"role": "user", "content": user}]

    @cached_property
    def _compiled(self) -> Template:
        sandbox = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
        return sandbox.from_string(self.template)

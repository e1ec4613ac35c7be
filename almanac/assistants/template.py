"""A prompt: a Jinja template in a sandbox with the variables it may use, named by its content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from almanac.assistants.variables import Schema
from schemas.errors import ConfigError
from schemas.explain import meant
from schemas.feedback import Message
from schemas.hashing import canonical_json, sha256_text

GIVEN = ("question", "passages", "refusal")  # what every template sees
ROLES = ("system", "user")
_EXAMPLE = {
    "n": 1,
    "doc_id": "a.md",
    "source": "documents",
    "title": "A",
    "heading": "A",
    "text": "A text.",
}


class Prompt:
    """A block for each role of a template; the last one is the user's.

    A template sees `question`, `passages` (each with n, doc_id, source, title, heading and text),
    `refusal`, the words for an answer that no passage has, and the variables of its schema.
    `examples` are questions with the answers wanted, told before a conversation. `prompt_id` is the
    SHA-256 of the text of the template; where there is more than that, of all as canonical JSON.

    Raises:
        ConfigError: the template is wrong, or wants something else.
    """

    def __init__(
        self,
        template: str,
        name: str,
        roles: Sequence[str] = ROLES,
        variables: Mapping[str, Any] | None = None,
        examples: Sequence[Mapping[str, str]] = (),
    ) -> None:
        self.template = template
        self.roles = tuple(roles)
        self.schema = Schema(variables or {}, f"the prompt {name}")
        self.examples = tuple(dict(one) for one in examples)
        self._name = name
        self._check_names()
        self.render("a question", [_EXAMPLE], "I don't know.", variables=self.schema.samples())

    @classmethod
    def of(cls, content: Mapping[str, Any], name: str) -> Prompt:
        """The prompt that `content` describes."""
        return cls(
            content["template"],
            name,
            content.get("roles", ROLES),
            content.get("variables"),
            content.get("examples", ()),
        )

    @property
    def content(self) -> dict[str, Any]:
        """All that it says, as JSON values; what is as usual is left out."""
        more = {
            "roles": list(self.roles) if self.roles != ROLES else [],
            "variables": self.schema.plain,
            "examples": list(self.examples),
        }
        return {"template": self.template} | {key: value for key, value in more.items() if value}

    @property
    def prompt_id(self) -> str:
        """The name that its content gives it."""
        content = self.content
        if len(content) == 1:
            return sha256_text(self.template)
        return sha256_text(canonical_json(content))

    def render(
        self,
        question: str,
        passages: Sequence[dict[str, Any]],
        refusal: str,
        history: Sequence[Message] = (),
        variables: Mapping[str, Any] | None = None,
    ) -> list[Message]:
        """The messages for the model: what comes first, earlier ones, and the question's.

        Raises:
            ConfigError: the template fails on these values, or a variable is not what it may be.
        """
        values = self.schema.values(variables or {}) | {
            "question": question,
            "passages": list(passages),
            "refusal": refusal,
        }
        *before, last = [
            {"role": role, "content": text}
            for role, text in zip(self.roles, self._texts(values), strict=True)
        ]
        shown = [
            {"role": role, "content": one[key]}
            for one in self.examples
            for role, key in (("user", "question"), ("assistant", "answer"))
        ]
        return [*(one for one in before if one["content"]), *shown, *history, last]

    def _texts(self, values: Mapping[str, Any]) -> list[str]:
        try:
            template = self._compiled
            return [
                "".join(template.blocks[role](template.new_context(dict(values)))).strip()
                for role in self.roles
            ]
        except KeyError as error:
            needed = " and ".join(f"{{% block {role} %}}" for role in self.roles)
            raise ConfigError(
                f"the prompt {self._name} has no block {error}: it needs {needed}"
            ) from None
        except (TemplateError, TypeError, ValueError, ArithmeticError) as error:
            raise ConfigError(f"the prompt {self._name}: {error}") from None

    def _check_names(self) -> None:
        """Every name that the template uses must be one that it is given."""
        try:
            tree = _sandbox().parse(self.template)
        except TemplateSyntaxError as error:
            raise ConfigError(f"the prompt {self._name}, line {error.lineno}: {error}") from None
        known = (*GIVEN, *self.schema.names)
        for name in sorted(meta.find_undeclared_variables(tree) - set(known)):
            near = meant(name, known)
            hint = f"; did you mean {near!r}?" if near else f"; it is given {', '.join(known)}"
            raise ConfigError(f"the prompt {self._name}: {name!r} is undefined{hint}")

    @cached_property
    def _compiled(self) -> Template:
        return _sandbox().from_string(self.template)


def _sandbox() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)

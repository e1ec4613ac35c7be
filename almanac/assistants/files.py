"""Prompts in files: NAME.j2 with the template, and NAME.yaml beside it where there is more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator

from almanac.assistants.template import ROLES, Prompt
from schemas.errors import ConfigError
from schemas.explain import explain
from schemas.sections.base import Section

_OURS = Path(__file__).parent / "builtin"
_KNOWN_ROLES = ("system", "developer", "user", "assistant")


class Example(Section):
    """A question, and the answer that is wanted."""

    question: str = Field(min_length=1)
    answer: str = Field(min_length=1)


class Sidecar(Section):
    """The YAML file: roles in their order, variables as a JSON Schema, examples, a note."""

    roles: tuple[str, ...] = ROLES
    variables: dict[str, Any] = Field(default={})
    examples: tuple[Example, ...] = ()
    note: str = ""

    @field_validator("roles")
    @classmethod
    def _known(cls, roles: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [role for role in roles if role not in _KNOWN_ROLES]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no role; right are {', '.join(_KNOWN_ROLES)}")
        if not roles or roles[-1] != "user" or len(set(roles)) != len(roles):
            raise ValueError("each role stands once, and user last")
        return roles


def read_prompt(path: Path) -> Prompt:
    """The prompt of a template's file.

    Raises:
        ConfigError: a file cannot be read, or says what it may not.
    """
    text, sidecar = _text(path), read_sidecar(path)
    examples = [one.model_dump() for one in sidecar.examples]
    return Prompt(text, str(path), sidecar.roles, sidecar.variables, examples)


def configured_prompt(file: str | None, small: bool = False) -> Prompt:
    """The prompt in a file; ours for None, which a small model is given in plainer words."""
    return read_prompt(Path(file) if file else _OURS / ("small.j2" if small else "answer.j2"))


def read_sidecar(path: Path) -> Sidecar:
    """What stands beside a template, in a file of its name that ends with .yaml or .yml.

    Raises:
        ConfigError: it is no YAML, or a key or value in it is wrong.
    """
    import yaml

    found = [beside for end in (".yaml", ".yml") if (beside := path.with_suffix(end)).is_file()]
    if not found:
        return Sidecar()
    try:
        values = yaml.safe_load(_text(found[0]))
    except yaml.YAMLError as error:
        raise ConfigError(f"{found[0]} is no YAML: {error}") from None
    if values is None:
        return Sidecar()
    if not isinstance(values, dict):
        raise ConfigError(f"{found[0]} must have keys: roles, variables, examples, note")
    try:
        return Sidecar.model_validate(values)
    except ValidationError as error:
        raise ConfigError(explain(error, Sidecar, str(found[0]))) from None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"the prompt {path}: {error.strerror}: correct `prompt`") from None
    except UnicodeDecodeError:
        raise ConfigError(f"the prompt {path} is no UTF-8") from None

"""Variables of a prompt: a JSON Schema of what they may be, and their values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.errors import ConfigError
from schemas.explain import meant

_SAMPLES: dict[str, Any] = {
    "string": "a text",
    "integer": 1,
    "number": 1.0,
    "boolean": True,
    "array": [],
    "object": {},
    "null": None,
}


class Schema:
    """A JSON Schema (2020-12) of an object whose properties are the variables.

    Args:
        plain: the schema as JSON values; empty where there are no variables.
        where: begins each message.

    Raises:
        ConfigError: it is no such schema.
    """

    def __init__(self, plain: Mapping[str, Any], where: str) -> None:
        self.plain = dict(plain)
        self._where = where
        self._properties: dict[str, Any] = dict(plain.get("properties") or {})
        if plain:
            self._check()

    @property
    def names(self) -> tuple[str, ...]:
        """Of the variables, in their order."""
        return tuple(self._properties)

    def values(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Each variable's value: the given one, else its default.

        Raises:
            ConfigError: a name is unknown, a value is missing or not as the schema wants it.
        """
        for name in sorted(given.keys() - self._properties.keys()):
            near = meant(name, self.names)
            known = ", ".join(self.names) or "none"
            hint = f"did you mean {near!r}?" if near else f"its variables: {known}"
            raise ConfigError(f"{self._where} has no variable {name!r}; {hint}")
        defaults = {
            name: one["default"]
            for name, one in self._properties.items()
            if isinstance(one, Mapping) and "default" in one
        }
        values = defaults | dict(given)
        if missing := [name for name in self._properties if name not in values]:
            raise ConfigError(
                f"{self._where} needs a value of {', '.join(missing)}: give it a default in the "
                "prompt's YAML file, or a value in `variables` of the assistant"
            )
        if self.plain:
            self._validate(values)
        return values

    def samples(self) -> dict[str, Any]:
        """Values of the variables without a default, to try a template with."""
        found = {}
        for name, one in self._properties.items():
            if isinstance(one, Mapping) and "default" not in one:
                kind = one.get("type", "string")
                kind = kind[0] if isinstance(kind, list) and kind else kind
                examples = [*one.get("examples", ()), *one.get("enum", ()), _SAMPLES.get(kind, "")]
                found[name] = examples[0]
        return found

    def _check(self) -> None:
        from jsonschema import Draft202012Validator, SchemaError

        if self.plain.get("type", "object") != "object" or not self._properties:
            raise ConfigError(
                f"{self._where}: `variables` is the JSON Schema of an object: "
                "{type: object, properties: {tone: {type: string, default: brief}}}"
            )
        try:
            Draft202012Validator.check_schema(self.plain)
        except SchemaError as error:
            raise ConfigError(
                f"{self._where}: `variables` is no JSON Schema: {error.message}"
            ) from None

    def _validate(self, values: Mapping[str, Any]) -> None:
        from jsonschema import Draft202012Validator
        from referencing import Registry
        from referencing.exceptions import Unresolvable

        # An empty registry: a reference to another address is an error, and nothing is fetched.
        validator = Draft202012Validator(self.plain, registry=Registry())
        try:
            error = next(validator.iter_errors(dict(values)), None)
        except Unresolvable as lost:
            raise ConfigError(f"{self._where}: `variables` refers to {lost}") from None
        if error is not None:
            name = ".".join(map(str, error.absolute_path)) or "variables"
            raise ConfigError(f"{self._where}, variable {name}: {error.message}")

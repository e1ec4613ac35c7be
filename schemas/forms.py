"""What the parameters of flows are, and how the form of the Prefect UI shows them.

Prefect makes the form from a flow's JSON schema, and refuses by it before a run is made. Three
things are said here by hand. A parameter that may be left out has one plain type, because the form
shows a union with None as tabs. It has a title in words, which only `json_schema_extra` gets past
Prefect. And text has a pattern, because the server checks no formats.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from schemas.errors import ConfigError
from schemas.secrets import CREDENTIALS, refuse_credentials
from schemas.times import When, as_when, first_instant, last_instant

_DAY = r"\d{4}-\d{2}-\d{2}"
_TIME = r"[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?"


def like(pattern: str, right: str) -> dict[str, Any]:
    """Text that is not like the pattern is refused with "'...' was expected", which says `right`.

    The message on a plain pattern would repeat the pattern, and the text with its credentials.
    """
    return {"if": {"pattern": pattern}, "else": {"const": right}}


_WHEN: dict[str, Any] = {
    "anyOf": [
        {"type": "string", "format": "date", "title": "Day"},
        {"type": "integer", "minimum": 1, "title": "Release number"},
        {"type": "string", "format": "date-time", "title": "Exact time"},
    ],
    # Once more outside of the choice, where a refusal says what is wrong.
    "minimum": 1,
    **like(f"^{_DAY}({_TIME})?$", "a date, such as 2026-03-03, a time, or the number of a release"),
}


def named(title: str) -> Any:
    """The title of a parameter, in words."""
    return Field(json_schema_extra={"title": title})


def window(first: date | None, last: date | None) -> tuple[datetime | None, datetime | None]:
    """From the first instant of a day to the last one of another, UTC; None is open.

    Raises:
        ConfigError: the first day is after the last.
    """
    if first and last and first > last:
        raise ConfigError(f"from {first} until {last} is no time at all: swap the two dates")
    return first_instant(first), last_instant(last)


def _none_if_blank(value: Any) -> Any:
    """A field that was filled and cleared again holds an empty text."""
    return None if isinstance(value, str) and not value.strip() else value


class _Schema(dict[str, Any]):
    """A JSON schema that takes no default, which pydantic would set to null.

    The form would send that null, and the server refuse it. Without it, a field that is left empty
    is not sent, and null is taken where a program sends it.
    """

    def __setitem__(self, key: str, value: Any) -> None:
        if key != "default":
            super().__setitem__(key, value)


class _Shown:
    """Says how a parameter that may be left out stands in the JSON schema."""

    def __init__(self, **schema: Any) -> None:
        self._schema = schema

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: Any) -> dict[str, Any]:
        return _Schema(self._schema)


def _without_credentials(value: str | None) -> str | None:
    """Once more here, for runs that no form or server began."""
    refuse_credentials(value or "")
    return value


_Said = Annotated[str | None, BeforeValidator(_none_if_blank)]
_PLACE = like(
    f"^(?!(?s:.*)(?:{CREDENTIALS}))",
    "no password or signature in the address: it comes from the environment",
)
_HASH = like("^[0-9a-f]{0,64}$", "the begin of its id, of digits and a to f")
_FULL_TIME = like(f"^{_DAY}{_TIME}$", "a time with its offset, such as 2026-03-03T02:00:00+01:00")
Text = Annotated[_Said, _Shown(type="string", maxLength=2_000)]
Place = Annotated[
    _Said,
    AfterValidator(_without_credentials),
    _Shown(type="string", maxLength=2_000, **_PLACE),
]
Hash = Annotated[_Said, _Shown(type="string", **_HASH)]
Steps = Annotated[
    int | None, Field(ge=1, le=100_000), _Shown(type="integer", minimum=1, maximum=100_000)
]
Day = Annotated[
    date | None,
    _Shown(type="string", format="date", **like(f"^{_DAY}$", "a date, such as 2026-03-03")),
]
Moment = Annotated[datetime | None, _Shown(type="string", format="date-time", **_FULL_TIME)]
# A day (its end, UTC), an exact time or the number of a release: three tabs, one value.
AsOf = Annotated[When, BeforeValidator(as_when), _Shown(**_WHEN)]
MaybeAsOf = Annotated[When | None, BeforeValidator(as_when), _Shown(**_WHEN)]

Lakehouse = Annotated[Place, named("Another lakehouse")]
Config = Annotated[Text, named("Another configuration file")]

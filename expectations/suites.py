"""The suites: Great Expectations' own JSON, read as data and without importing it."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from schemas.documents import Severity
from schemas.errors import ConfigError
from schemas.hashing import sha256_bytes, sha256_parts

SuiteName = Literal["documents", "chunks", "index", "requests", "votes", "examples"]
_FOLDER = Path(__file__).parent
# What decides a verdict. Hashed as they stand: an edit of a comment costs one more validation, a
# version number that somebody forgets to raise would keep wrong verdicts.
_RULES = (
    "documents.json",
    "chunks.json",
    "index.json",
    "arrow_rules.py",
    "frames.py",
    "runner.py",
    "suites.py",
    "values.py",
)


class Meta(BaseModel):
    """What Almanac adds to an expectation: the rule's name, and what to do when it is broken."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    reason: str = Field(min_length=1)
    show: str | None = Field(default=None, description="The column to report, if another.")


class Rule(BaseModel):
    """One expectation of a suite."""

    model_config = ConfigDict(frozen=True)

    type: str
    kwargs: dict[str, Any]
    severity: Literal["critical", "warning"]
    meta: Meta

    @property
    def level(self) -> Severity:
        """The severity in Almanac's words."""
        return "must" if self.severity == "critical" else "should"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the expectation looks at; none for one about the table as a whole."""
        single = [
            self.kwargs[key] for key in ("column", "column_A", "column_B") if key in self.kwargs
        ]
        return (*single, *self.kwargs.get("column_list", ()))


class Suite(BaseModel):
    """Expectations in the order in which they are reported; their names differ."""

    model_config = ConfigDict(frozen=True)

    name: str
    expectations: tuple[Rule, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_differ(self) -> Suite:
        names = [rule.meta.name for rule in self.expectations]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two expectations are named {twice[0]}")
        return self


def load_suite(suite: SuiteName | Path) -> Suite:
    """Read one of Almanac's suites, or a file of the same shape.

    Raises:
        ConfigError: the file is missing, is no JSON, or says something that this runner would
            otherwise have to guess.
    """
    file = suite if isinstance(suite, Path) else _FOLDER / f"{suite}.json"
    try:
        return Suite.model_validate_json(file.read_bytes())
    except OSError as error:
        raise ConfigError(f"the suite {file} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise ConfigError(f"the suite {file}, {where}: {first['msg']}") from None


def suite_fingerprint() -> str:
    """Sixteen hexadecimal digits that change whenever a cached verdict may no longer hold."""
    hashes = [sha256_bytes((_FOLDER / name).read_bytes()) for name in _RULES]
    return sha256_parts(*hashes, version("great-expectations"))[:16]

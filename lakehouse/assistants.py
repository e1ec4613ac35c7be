"""Prompts, versions of assistants, their stages and their gates, as they stand in Delta.

They are appended without the lease: a server stores what it answers by while a night runs. Of two
writers that store the same prompt or version each stores a row, and reading takes the first. People
take steps under the lease all the same, so that no two decide at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

from lakehouse.delta import DeltaLog
from lakehouse.feedback import next_ordinal
from schemas.errors import AssistantRefused
from schemas.stored import StoredTable
from schemas.tables.assistants import ASSISTANT_GATES, ASSISTANT_STAGES, ASSISTANT_VERSIONS, PROMPTS

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StoredPrompt:
    """A prompt under a name. `number` is 1 for the first prompt of the name, then 2, and so on.

    `content` has the template's text, its roles, variables and examples.
    """

    prompt_id: str
    name: str
    content: Mapping[str, Any]
    author: str
    at: datetime
    note: str = ""
    commit: str | None = None
    ordinal: int = 0
    number: int = 0

    @property
    def label(self) -> str:
        """As people write it: handbook@3."""
        return f"{self.name}@{self.number}"


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """A version of an assistant: `spec` is all that it answers by, `version` the SHA-256 of it."""

    version: str
    assistant: str
    spec: Mapping[str, Any]
    author: str
    at: datetime
    note: str = ""
    followed: str | None = None
    ordinal: int = 0

    @property
    def short(self) -> str:
        """The beginning of its id, as people write it."""
        return self.version[:12]


@dataclass(frozen=True, slots=True)
class StageStep:
    """One step of a version. `resolved` is what its policies gave then, such as the release."""

    assistant: str
    version: str
    stage: str
    actor: str
    reason: str
    at: datetime
    run_id: str
    resolved: Mapping[str, Any] = field(default_factory=dict)
    ordinal: int = 0


@dataclass(frozen=True, slots=True)
class Gate:
    """What a gate said of a candidate beside the version that answered."""

    gate_id: str
    assistant: str
    candidate: str
    current: str
    passed: bool
    verdict: Mapping[str, Any]
    actor: str
    at: datetime
    ordinal: int = 0


class PromptLog:
    """`prompts`."""

    def __init__(self, log: DeltaLog) -> None:
        self._log = log

    def all(self) -> list[StoredPrompt]:
        """Every prompt of every name, numbered, oldest first."""
        numbers: dict[str, dict[str, int]] = {}
        found = []
        for row in _ordered(self._log, PROMPTS, StoredPrompt, "name, prompt_id"):
            known = numbers.setdefault(row.name, {})
            if row.prompt_id not in known:
                known[row.prompt_id] = len(known) + 1
                found.append(replace(row, number=known[row.prompt_id]))
        return found

    def by_id(self, prompt_id: str) -> StoredPrompt | None:
        """The first prompt of this content, under whatever name."""
        return next((one for one in self.all() if one.prompt_id == prompt_id), None)

    def keep(self, prompt: StoredPrompt) -> StoredPrompt:
        """Store it unless its name has this content already; with its number."""
        stored = self._find(prompt)
        if stored is None:
            self._log.append([PROMPTS.to_row(prompt, ordinal=next_ordinal(self._log))])
            stored = self._find(prompt)
        assert stored is not None
        return stored

    def _find(self, prompt: StoredPrompt) -> StoredPrompt | None:
        wanted = (prompt.name, prompt.prompt_id)
        return next((one for one in self.all() if (one.name, one.prompt_id) == wanted), None)


class VersionLog:
    """`assistant_versions`."""

    def __init__(self, log: DeltaLog) -> None:
        self._log = log

    def all(self) -> list[StoredVersion]:
        """Every version once, oldest first."""
        found: dict[str, StoredVersion] = {}
        for row in _ordered(self._log, ASSISTANT_VERSIONS, StoredVersion, "version"):
            found.setdefault(row.version, row)
        return list(found.values())

    def get(self, version: str) -> StoredVersion | None:
        """A version by its whole id."""
        return next((one for one in self.all() if one.version == version), None)

    def find(self, beginning: str) -> StoredVersion:
        """The version whose id begins so.

        Raises:
            AssistantRefused: there is none, or several begin so.
        """
        found = [one for one in self.all() if beginning and one.version.startswith(beginning)]
        if len(found) != 1:
            raise AssistantRefused(
                f"{len(found) or 'no'} versions begin with {beginning!r}: "
                "`almanac assistant list` has them all"
            )
        return found[0]

    def keep(self, version: StoredVersion) -> StoredVersion:
        """Store it unless it stands there already; the row that counts."""
        if stored := self.get(version.version):
            return stored
        self._log.append([ASSISTANT_VERSIONS.to_row(version, ordinal=next_ordinal(self._log))])
        return self.get(version.version) or version


class StageLog:
    """`assistant_stages`: each step of a version is a row; the newest says where it stands."""

    def __init__(self, log: DeltaLog) -> None:
        self._log = log

    def head(self) -> int:
        """A number that changes with each step; cheap to ask for."""
        return self._log.head()

    def steps(self, assistant: str | None = None) -> list[StageStep]:
        """Every step ever taken, oldest first; of one assistant or of all."""
        found = _ordered(self._log, ASSISTANT_STAGES, StageStep, "version")
        return [one for one in found if assistant in (None, one.assistant)]

    def append(self, steps: Sequence[StageStep]) -> None:
        """Take steps in one commit, numbered in their order; those of people under the lease."""
        first = next_ordinal(self._log)
        rows = [ASSISTANT_STAGES.to_row(step, ordinal=first + at) for at, step in enumerate(steps)]
        self._log.append(rows)


class GateLog:
    """`assistant_gates`."""

    def __init__(self, log: DeltaLog) -> None:
        self._log = log

    def all(self, candidate: str | None = None) -> list[Gate]:
        """Every gate, oldest first; of one candidate or of all."""
        found = _ordered(self._log, ASSISTANT_GATES, Gate, "gate_id")
        return [one for one in found if candidate in (None, one.candidate)]

    def append(self, gate: Gate) -> None:
        """Store what a gate said; without the lease."""
        self._log.append([ASSISTANT_GATES.to_row(gate, ordinal=next_ordinal(self._log))])


def releases_held(stages: StageLog, versions: VersionLog) -> set[int]:
    """Releases that versions in staging and production stay at, or that a rollback goes back to."""
    newest = {step.version: step for step in stages.steps()}
    answers = {one for one, step in newest.items() if step.stage in ("staging", "production")}
    stays = (str(one.spec["release"]) for one in versions.all() if one.version in answers)
    left = {step.assistant: step.resolved for step in stages.steps() if step.resolved}
    back = (one["release"] for one in left.values() if "release" in one)
    return {int(release) for release in stays if release.isdigit()} | set(back)


def _ordered(log: DeltaLog, table: StoredTable, kind: type[T], then: str) -> Iterable[T]:
    rows = log.query(f"SELECT * FROM log ORDER BY ordinal, {then}").to_pylist()
    return [table.read(kind, row) for row in rows]

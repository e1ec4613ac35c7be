"""What checks and runs report: data, never log text."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.documents import Rejection, Severity


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One expectation over one frame: how many rows it saw, how many broke it."""

    suite: str
    expectation: str
    severity: Severity
    success: bool
    checked: int
    failed: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Validation:
    """A suite's verdict: each check once, and each row that broke one.

    `failing` holds (position in the frame, rejection) pairs in frame order.
    """

    checks: tuple[CheckResult, ...]
    failing: tuple[tuple[int, Rejection], ...]

    @property
    def kept_out(self) -> frozenset[int]:
        """Positions of the rows that broke a must."""
        return frozenset(at for at, broken in self.failing if broken.severity == "must")

    @property
    def passed(self) -> bool:
        """No must failed, over rows or as a whole."""
        return all(check.success or check.severity == "should" for check in self.checks)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be, and the command that mends it.

    `kind` is a stable name for machines; `where` says which chunk, file, table or release it is.
    """

    kind: str
    where: str
    reason: str
    mend: str
    release: int | None = None

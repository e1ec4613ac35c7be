"""What a run has shown so far: the lines of progress.jsonl, and what they decide."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from almanac.core.files import write_whole

Row = dict[str, Any]


class Progress:
    """progress.jsonl: one line a logged or evaluated step, in order, none twice.

    Each has step, of (steps in all), epoch, loss, eval_loss (each None where it was not measured),
    learning_rate, tokens (seen in training so far, without padding), train_seconds (in training
    steps so far) and seconds (in all). Step 0 is the base itself.
    """

    def __init__(self, file: Path, until: int, tell: Callable[[str], None]) -> None:
        """Take up the lines of a run that was killed, as far as step `until`; -1 for none."""
        self.rows = [row for row in _read(file) if row["step"] <= until]
        self._tell = tell
        self._began = time.monotonic() - (self.rows[-1]["seconds"] if self.rows else 0.0)
        write_whole(file, "".join(json.dumps(row) + "\n" for row in self.rows).encode())
        self._file = file.open("a", encoding="utf-8")

    def add(self, row: Row) -> None:
        """Write a line, and tell it."""
        row = row | {"seconds": round(time.monotonic() - self._began, 3)}
        self.rows.append(row)
        line = json.dumps(row) + "\n"
        self._file.write(line)
        self._file.flush()
        self._tell(line)

    def last(self, key: str) -> float:
        """The value in the last line that has one, or 0."""
        return next((row[key] for row in reversed(self.rows) if row.get(key) is not None), 0)

    def evaluations(self) -> list[Row]:
        """The lines with a loss on the inner split, without that of the base."""
        return [row for row in self.rows if row["eval_loss"] is not None and row["step"] > 0]

    def best(self) -> Row | None:
        """The line with the lowest loss on the inner split, the earliest of equals."""
        return min(self.evaluations(), key=lambda row: row["eval_loss"], default=None)

    def stopped_early(self, patience: int | None) -> bool:
        """The last `patience` evaluations were no better than one before them."""
        best = self.best()
        if patience is None or best is None:
            return False
        since = [row for row in self.evaluations() if row["step"] > best["step"]]
        return len(since) >= patience

    def metrics(self, patience: int | None) -> dict[str, Any]:
        """The figures of the whole run, of all its processes together."""
        evals = [row["eval_loss"] for row in self.rows if row["eval_loss"] is not None]
        losses = [row["loss"] for row in self.rows if row["loss"] is not None]
        best = self.best() or self.rows[-1]
        tokens, seconds = self.last("tokens"), self.last("train_seconds")
        return {
            "train_loss": sum(losses) / len(losses),
            "first_eval_loss": evals[0],
            "best_eval_loss": best["eval_loss"],
            "last_eval_loss": evals[-1],
            "steps": self.rows[-1]["step"],
            "best_step": best["step"],
            "stopped_early": self.stopped_early(patience)
            and self.rows[-1]["step"] < self.rows[-1]["of"],
            "tokens": tokens,
            "tokens_per_second": round(tokens / seconds, 3) if seconds else None,
            "train_seconds": seconds,
            "seconds": self.last("seconds"),
        }


def _read(file: Path) -> list[Row]:
    """The whole lines; the last one may be torn where a process was killed."""
    if not file.is_file():
        return []
    text = file.read_text(encoding="utf-8")
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

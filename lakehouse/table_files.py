"""The files of a Delta table as they lie in a folder, looked at without an engine.

An engine takes an empty entry of the log for one that changes nothing, so rows vanish in silence;
and it refuses a table whole where only the last entry is cut. Here each entry is looked at by
itself, and each file that the present rows need by its size.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

LOG = "_delta_log"
HINT = "_last_checkpoint"
_COMMIT = re.compile(r"(\d{20})\.json")
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint\.parquet")
_MAGIC = b"PAR1"
_LEAST = 12  # bytes of a Parquet file: its mark twice, and a length
Action = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """One file that is not as it must be; `path` is inside the table, `version` of its commit."""

    kind: Literal["commit", "checkpoint", "data"]
    path: str
    reason: str
    version: int = -1


class TableFiles:
    """One table folder. `sealed` are files, by path inside the table, that once were sealed."""

    def __init__(self, folder: Path, sealed: Collection[str] = ()) -> None:
        self.folder = folder
        self.sealed = frozenset(sealed)

    @property
    def lost(self) -> bool:
        """Is there no log any more, where there was one?"""
        there = self.commits or self._checkpoints
        return not there and (bool(self.sealed) or bool(self.data))

    @cached_property
    def _entries(self) -> dict[str, int]:
        log = self.folder / LOG
        return {one.name: one.stat().st_size for one in log.iterdir()} if log.is_dir() else {}

    @cached_property
    def data(self) -> dict[str, int]:
        """Bytes of every data file there is, by its path inside the table."""
        found = self.folder.rglob("*.parquet") if self.folder.is_dir() else ()
        named = {str(path.relative_to(self.folder)): path for path in found}
        return {
            name: path.stat().st_size
            for name, path in sorted(named.items())
            if not name.startswith(LOG)
        }

    @cached_property
    def _checkpoints(self) -> list[int]:
        """Versions that have a checkpoint, sound or not."""
        return sorted(
            int(found[1]) for name in self._entries if (found := _CHECKPOINT.fullmatch(name))
        )

    @cached_property
    def commits(self) -> list[int]:
        """Versions of the entries there are, whole or not."""
        return sorted(int(found[1]) for name in self._entries if (found := _COMMIT.fullmatch(name)))

    @cached_property
    def start(self) -> int:
        """The newest sound checkpoint from which on every entry counts; -1 for none."""
        return max(
            (one for one in self._checkpoints if self._checkpoint(one) is not None), default=-1
        )

    @cached_property
    def newest(self) -> int:
        """The greatest version that there is or, as seals say, once was; -1 before the first."""
        sealed = (_COMMIT.fullmatch(path.removeprefix(f"{LOG}/")) for path in self.sealed)
        return max([-1, *self.commits, *(int(found[1]) for found in sealed if found)])

    def has_empty_commit(self) -> bool:
        """Is there an entry without a byte, which an engine would take for no change?"""
        return any(not size and _COMMIT.fullmatch(name) for name, size in self._entries.items())

    def newest_is_whole(self) -> bool:
        """Is the newest entry that there is neither empty nor cut?"""
        return bool(self.commits) and self.actions(self.commits[-1]) is not None

    def faults(self) -> list[Fault]:
        """What is wrong, the log first; data files only where the log can be read."""
        found = [*self._of_checkpoints(), *self._of_commits()]
        return found if found else list(self._of_data())

    def _of_checkpoints(self) -> Iterable[Fault]:
        for version in self._checkpoints:
            if version > self.start:
                yield Fault(
                    "checkpoint",
                    f"{LOG}/{checkpoint_name(version)}",
                    "a checkpoint of its log is damaged",
                    version,
                )
        named = self._hinted()
        if named is not None and named not in self._checkpoints:
            yield Fault("checkpoint", f"{LOG}/{HINT}", "a checkpoint of its log is missing")

    def _hinted(self) -> int | None:
        if HINT not in self._entries:
            return None
        try:
            hint = json.loads((self.folder / LOG / HINT).read_bytes())
            return int(hint["version"])
        except (ValueError, KeyError, TypeError):
            return None  # engines do without

    def _of_commits(self) -> Iterable[Fault]:
        for version in range(self.start + 1, self.newest + 1):
            if version not in self.commits:
                said = f"entry {version} of its log is missing"
                yield Fault("commit", f"{LOG}/{commit_name(version)}", said, version)
            elif self.actions(version) is None:
                empty = not self._entries[commit_name(version)]
                said = f"entry {version} of its log is {'empty' if empty else 'cut or changed'}"
                yield Fault("commit", f"{LOG}/{commit_name(version)}", said, version)

    def _of_data(self) -> Iterable[Fault]:
        for path, (size, version) in sorted(self.live().items()):
            there = self.data.get(path)
            if there is None:
                yield Fault("data", path, f"its file {path} is missing", version)
            elif there != size:
                said = f"its file {path} has {there} bytes, not {size}"
                yield Fault("data", path, said, version)

    def unreadable(self) -> list[Fault]:
        """Data files of their right size that can't be read; reads all of them."""
        import pyarrow.parquet as pq

        found = []
        for path, (_, version) in sorted(self.live().items()):
            try:
                pq.ParquetFile(self.folder / path).read()
            except Exception:  # noqa: BLE001 (damaged bytes make it raise whatever it likes)
                said = f"its file {path} holds other bytes than were written"
                found.append(Fault("data", path, said, version))
        return found

    def actions(self, version: int) -> list[Action] | None:
        """The actions of one entry of the log; None where it is cut, empty or missing."""
        try:
            lines = (self.folder / LOG / commit_name(version)).read_text(encoding="utf-8")
            found = [json.loads(line) for line in lines.splitlines() if line.strip()]
        except (OSError, ValueError):
            return None
        whole = found and all(isinstance(one, dict) for one in found)
        return found if whole and _counts_match(found) else None

    def live(self) -> dict[str, tuple[int, int]]:
        """(bytes, version of the commit, -1 for the checkpoint) of every file in the table now."""
        found = {path: (size, -1) for path, size in (self._checkpoint(self.start) or {}).items()}
        for version in range(self.start + 1, self.newest + 1):
            for action in self.actions(version) or ():
                if "add" in action:
                    add = action["add"]
                    found[unquote(add["path"])] = (int(add["size"]), version)
                elif "remove" in action:
                    found.pop(unquote(action["remove"]["path"]), None)
        return found

    def unnamed(self) -> dict[str, int]:
        """Data files, with their bytes, that no readable entry of the log adds or removes."""
        named = set(self._checkpoint(self.start) or {})
        for version in self.commits:
            for action in self.actions(version) or ():
                about = action.get("add") or action.get("remove")
                named.update([unquote(about["path"])] if about else [])
        return {
            path: size
            for path, size in self.data.items()
            if path not in named and _is_parquet(self.folder / path)
        }

    def _checkpoint(self, version: int) -> dict[str, int] | None:
        """Bytes of each file that a checkpoint names, by path; None where it can't be read."""
        path = self.folder / LOG / checkpoint_name(version)
        return _checkpoint_files(path) if version >= 0 and _is_parquet(path) else None


def commit_name(version: int) -> str:
    """The name of an entry of a log."""
    return f"{version:020d}.json"


def checkpoint_name(version: int) -> str:
    """The name of a checkpoint of a log."""
    return f"{version:020d}.checkpoint.parquet"


def _counts_match(actions: Iterable[Action]) -> bool:
    """Are there as many added files as the entry itself says? One cut between two lines is not."""
    metrics = [
        one["commitInfo"].get("operationMetrics", {})
        for one in actions
        if isinstance(one.get("commitInfo"), dict)
    ]
    said = [one["num_added_files"] for one in metrics if "num_added_files" in one]
    return bool(metrics) and (not said or said[0] == sum("add" in one for one in actions))


def _is_parquet(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            first = file.read(len(_MAGIC))
            if file.seek(0, 2) < _LEAST:
                return False
            file.seek(-len(_MAGIC), 2)
            return first == _MAGIC == file.read()
    except OSError:
        return False


def _checkpoint_files(path: Path) -> dict[str, int] | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        rows = file.read(["add.path", "add.size"])["add"].to_pylist()
    except (OSError, pa.ArrowException, KeyError):
        return None
    return {unquote(row["path"]): int(row["size"]) for row in rows if row and row["path"]}

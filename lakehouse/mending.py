"""Bring the Delta tables of a folder back to where they can be read; nothing is thrown away.

What a power cut or a full disk leaves is an entry of a log, or a file that the last entry names,
that is empty or cut. It was never announced, so the table goes back to the entry before. What was
sealed stood on the disk once: it is put together again from the files that are left. Whatever is
taken out is moved to `set_aside/`, with a note that says when and why.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lakehouse.location import Location
from lakehouse.table_files import HINT, LOG, Fault, TableFiles, commit_name
from schemas.tables import TABLES
from schemas.times import isoformat

_log = logging.getLogger("almanac.mending")
SET_ASIDE = "set_aside"
_NOTE = "note.json"
# Made again from the rest by the next writer: damage costs time alone.
CACHES = ("lease", "source_files", "sealed_files")
# Records of the past: what is damaged of them is lost, and holds up nothing that comes.
RECORDS = (
    "quarantine",
    "runs",
    "triage",
    "triage_labels",
    "synthetic_corrections",
    "rejected_examples",
    "evaluations",
    "judgements",
    "model_calls",
)

# What people and users sent, each row by itself: healing by hand gives up those that are damaged,
# and all others are read again.
EACH_BY_ITSELF = (
    "requests",
    "votes",
    "training_examples",
    "splits",
    "prompts",
    "assistant_versions",
    "assistant_gates",
)

# Where the newest row says how something stands now: an older one must not come back.
STANDING = (
    "releases", "placements", "erasures", "access", "datasets", "adapters", "assistant_stages",
    "rollouts",
)  # fmt: skip
# Written by a night alone, and sealed before its release is announced.
BUILT = ("document_changes", "chunks", "embeddings", "ann_models")


@dataclass(frozen=True, slots=True)
class SetAside:
    """What was taken out of a table: `files` by their old path, now below `folder`.

    `written` are entries of its log, by path inside the table, that were written anew.
    """

    table: str
    reason: str
    effect: str
    files: tuple[str, ...]
    folder: str
    at: str
    written: tuple[str, ...] = ()

    def __str__(self) -> str:
        return (
            f"{self.table}: {self.reason}; {self.effect}. "
            f"{len(self.files)} files were set aside in {self.folder}"
        )


class Mending:
    """The tables of one folder; only under the lease, or for the lease's own table."""

    def __init__(self, root: Path, sealed: Iterable[str] = ()) -> None:
        self._root = root
        self._sealed = frozenset(sealed)

    def files(self, name: str) -> TableFiles:
        """The files of a table as they are now."""
        prefix = f"delta/{name}/"
        sealed = {path.removeprefix(prefix) for path in self._sealed if path.startswith(prefix)}
        return TableFiles(self._root / "delta" / name, sealed)

    def mend(self, names: Iterable[str] = tuple(TABLES)) -> list[SetAside]:
        """Mend what costs nothing that was announced; what was set aside for it."""
        done = []
        for name in names:
            while step := self._step(name):
                _log.warning("%s", step)
                done.append(step)
                if not (step.files or step.written):  # looking again would find the same
                    break
        return done

    def drop_files(self, name: str) -> SetAside | None:
        """Take damaged data files out of a table: what they held is lost, the rest is readable.

        Only of a table whose rows are each by themselves; None where no file is damaged.
        """
        files = self.files(name)
        faults = [one for one in files.faults() if one.kind == "data"] or files.unreadable()
        droppable = name in (*RECORDS, *EACH_BY_ITSELF)
        return self._without(name, faults) if faults and droppable else None

    def without_checkpoint(self, name: str) -> SetAside | None:
        """Set the checkpoint of a table aside where that is what is wrong first, and it can go."""
        files = self.files(name)
        faults = files.faults()
        whole = faults and faults[0].kind == "checkpoint" and name not in CACHES
        return self._checkpoint(name, files, faults[0]) if whole else None

    def drop_table(self, name: str, reason: str) -> SetAside:
        """Set a whole table aside; the next writer begins it anew."""
        folder = self._root / "delta" / name
        paths = sorted(str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file())
        return self._aside(name, paths, reason, "it is made anew")

    def _step(self, name: str) -> SetAside | None:
        files = self.files(name)
        if files.lost and not files.sealed:
            return self.drop_table(name, "its log is missing")
        faults = files.faults()
        if not faults:
            return None
        first = faults[0]
        if first.kind == "checkpoint":
            return self._checkpoint(name, files, first)
        if first.kind == "commit":
            return self._commit(name, files, faults)
        return self._data(name, files, faults)

    def _checkpoint(self, name: str, files: TableFiles, fault: Fault) -> SetAside | None:
        entries = range(files.start + 1, (files.commits or [0])[-1] + 1)
        covered = bool(files.commits) and set(entries) <= set(files.commits)
        if not covered:  # the entries that it stands for are cleared
            return self.drop_table(name, fault.reason) if name in CACHES else None
        paths = {fault.path, *([f"{LOG}/{HINT}"] if self._there(name, f"{LOG}/{HINT}") else [])}
        return self._aside(name, sorted(paths), fault.reason, "its entries are whole")

    def _commit(self, name: str, files: TableFiles, faults: Sequence[Fault]) -> SetAside | None:
        bad = {fault.version for fault in faults}
        first = min(bad)
        later = bad | {one for one in files.commits if one >= first}
        unsound = later <= bad
        announced = {one for one in later if f"{LOG}/{commit_name(one)}" in files.sealed}
        # All that was announced of these is sealed: what came later was under way.
        under_way = name in BUILT and not announced
        if not under_way and (not unsound or announced & bad):
            return self._stand_in(name, files, faults[0])
        if first == 0:
            return self.drop_table(name, faults[0].reason)
        return self._back_to(name, first, (), faults[0].reason)

    def _stand_in(self, name: str, files: TableFiles, fault: Fault) -> SetAside | None:
        """Write the entry again: it adds the files that were sealed and that no entry names."""
        if fault.version == 0:  # which also says what the columns are
            return self.drop_table(name, fault.reason) if name in CACHES else None
        unnamed = files.unnamed()
        if files.sealed:
            unnamed = {path: size for path, size in unnamed.items() if path in files.sealed}
        if not unnamed and name not in (*CACHES, *RECORDS):
            return None
        adds = [_add(name, path, size) for path, size in unnamed.items()]
        entry = commit_name(fault.version)
        lines = [{"commitInfo": {"timestamp": 0, "operation": "MENDED"}}, *adds]
        moved = [fault.path] if self._there(name, fault.path) else []
        effect = f"it was written again with {len(adds)} files of rows"
        done = self._aside(name, moved, fault.reason, effect)
        text = "\n".join(json.dumps(line) for line in lines)
        (self._root / "delta" / name / LOG / entry).write_text(text, encoding="utf-8")
        return replace(done, written=(f"{LOG}/{entry}",))

    def _data(self, name: str, files: TableFiles, faults: Sequence[Fault]) -> SetAside | None:
        first = min(fault.version for fault in faults)
        after = [one for one in files.commits if one >= first]
        announced = any(f"{LOG}/{commit_name(one)}" in files.sealed for one in after)
        # What a night writes it writes again; of other tables no sound row goes with a torn one.
        torn = name in BUILT or set(after) <= {fault.version for fault in faults}
        if first > 0 and torn and not announced and _only_adds(files, after):
            return self._back_to(name, first, faults, faults[0].reason)
        if name in CACHES:
            return self.drop_table(name, faults[0].reason)
        return self._without(name, faults) if name in RECORDS else None

    def _back_to(self, name: str, first: int, faults: Sequence[Fault], reason: str) -> SetAside:
        """Take out all entries from `first` on."""
        log = self._root / "delta" / name / LOG
        entries = [one.name for one in log.iterdir() if one.name >= f"{first:020d}."]
        moved = [f"{LOG}/{entry}" for entry in entries if entry[:20].isdigit()]
        moved += [fault.path for fault in faults if self._there(name, fault.path)]
        return self._aside(name, sorted(moved), reason, f"it is as it was before entry {first}")

    def _without(self, name: str, faults: Sequence[Fault]) -> SetAside:
        from deltalake import DeltaTable

        moved = [fault.path for fault in faults if self._there(name, fault.path)]
        done = self._aside(
            name, moved, faults[0].reason, f"the rows of {len(faults)} files are lost"
        )
        DeltaTable(str(self._root / "delta" / name)).repair()
        return done

    def _there(self, name: str, path: str) -> bool:
        return (self._root / "delta" / name / path).is_file()

    def _aside(self, name: str, paths: Sequence[str], reason: str, effect: str) -> SetAside:
        """Move files of a table, by path inside it, to a folder of their own."""
        inside = [f"delta/{name}/{path}" for path in paths]
        return set_aside(self._root, name, inside, reason, effect)


def set_aside(root: Path, table: str, paths: Sequence[str], reason: str, effect: str) -> SetAside:
    """Move files of a lakehouse, by path inside it, to a new folder, with a note."""
    folder = _new_folder(root / SET_ASIDE)
    at = isoformat(datetime.now(UTC))
    done = SetAside(table, reason, effect, tuple(paths), str(folder.relative_to(root)), at)
    note = {"table": table, "reason": reason, "effect": effect, "files": list(paths), "at": at}
    (folder / _NOTE).write_text(json.dumps(note, indent=1), encoding="utf-8")
    for path in paths:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # another starting writer moved it
            (root / path).replace(target)
    return done


def without_checkpoint(root: Path, table: str) -> bool:
    """Set a damaged checkpoint aside whose entries are all there; True if there was one.

    Any reader may do that: a checkpoint says nothing that its entries do not say.
    """
    faults = TableFiles(root / "delta" / table).faults()
    if not faults or faults[0].kind != "checkpoint":
        return False
    try:
        return bool(Mending(root).without_checkpoint(table))
    except OSError:  # the lakehouse may only be read
        return False


def notes(location: Location) -> list[SetAside]:
    """What was set aside so far, oldest first."""
    if location.folder is None:
        return []
    found = []
    for path in sorted((location.folder / SET_ASIDE).glob(f"*/{_NOTE}")):
        with suppress(OSError, ValueError, TypeError, KeyError):  # a note that was cut itself
            note = json.loads(path.read_bytes())
            where = str(path.parent.relative_to(location.folder))
            found.append(SetAside(files=tuple(note.pop("files")), folder=where, **note))
    return found


def _new_folder(above: Path) -> Path:
    above.mkdir(parents=True, exist_ok=True)
    number = 1 + max((int(one.name) for one in above.iterdir() if one.name.isdigit()), default=0)
    while True:
        try:
            (above / f"{number:04d}").mkdir()
            return above / f"{number:04d}"
        except FileExistsError:
            number += 1


def _only_adds(files: TableFiles, versions: Iterable[int]) -> bool:
    """Would going back behind these entries lose no removal? Files removed may be gone already."""
    return all(
        "remove" not in action or files.data.get(action["remove"]["path"])
        for version in versions
        for action in files.actions(version) or ()
    )


def _add(name: str, path: str, size: int) -> dict[str, Any]:
    values: dict[str, str] = {}
    if TABLES[name].partitions:
        parts = (part.partition("=") for part in path.split("/")[:-1])
        values = {key: value for key, _, value in parts}
    add = {"path": path, "partitionValues": values, "size": size, "modificationTime": 0}
    return {"add": add | {"dataChange": True}}

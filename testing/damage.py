"""One file of each kind of a lakehouse, and ways in which a file is damaged."""

from __future__ import annotations

import shutil
from pathlib import Path

from schemas.tables import TABLES

DAMAGES = ("missing", "empty", "cut", "flipped", "older")
_INDEX = ("_versions", "data", "_indices", "_refs/tags", "_transactions")
_BESIDE = ("format.json", "erasing", "adapters", "journal")


def targets(lake: Path) -> dict[str, Path]:
    """One file of each kind, by a name: the newest one, which damage hurts most."""
    found: dict[str, Path] = {}
    for name in TABLES:
        folder = lake / "delta" / name
        commits = sorted((folder / "_delta_log").glob("*.json"))
        checkpoints = sorted((folder / "_delta_log").glob("*.checkpoint.parquet"))
        data = sorted(folder.rglob("*.parquet"), key=lambda path: path.stat().st_mtime_ns)
        data = [path for path in data if path.parent.name != "_delta_log"]
        found[f"{name}: newest commit"] = commits[-1]
        found[f"{name}: first commit"] = commits[0]
        found[f"{name}: newest data"] = data[-1]
        if checkpoints:
            found[f"{name}: checkpoint"] = checkpoints[-1]
    for index in sorted((lake / "lance").glob("*.lance"))[:1]:
        found |= {f"index: {kind.strip('_')}": _newest(index / kind) for kind in _INDEX}
    places = {name: lake / name for name in _BESIDE if (lake / name).exists()}
    found |= {f"{name}: file": _newest(place) for name, place in places.items() if _files(place)}
    return found


def _files(place: Path) -> list[Path]:
    return [place] if place.is_file() else [one for one in place.rglob("*") if one.is_file()]


def _newest(place: Path) -> Path:
    return max(_files(place), key=lambda path: path.stat().st_mtime_ns)


def hurt(file: Path, damage: str, older: Path) -> bool:
    """Do one damage to one file; False where there is nothing to do."""
    if damage == "missing":
        file.unlink()
    elif damage == "empty":
        file.write_bytes(b"")
    elif damage == "cut":
        data = file.read_bytes()
        file.write_bytes(data[: len(data) // 2])
    elif damage == "flipped":
        data = bytearray(file.read_bytes())
        if not data:
            return False
        data[len(data) // 2] ^= 0x20
        file.write_bytes(bytes(data))
    elif not older.is_file() or older.read_bytes() == file.read_bytes():
        return False
    else:
        shutil.copy2(older, file)
    return True

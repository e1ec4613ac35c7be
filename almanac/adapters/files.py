"""The files of an adapter in the lakehouse: `adapters/<adapter_id>/`, each with its hash."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from almanac.adapters.registry import OPEN, standings
from almanac.adapters.vllm import problems
from lakehouse import Lakehouse
from lakehouse.training import Adapter
from schemas.errors import AdapterRefused
from schemas.hashing import sha256_bytes

_log = logging.getLogger("almanac.adapters")
FOLDER = "adapters"
WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
# Beside the weights only what holds no user's text: an erasure does not reach into these files.
_BESIDE = ("job.json", "metrics.json", "merge.json", "progress.jsonl", "*.png")
Files = dict[str, dict[str, Any]]


def store(lake: Lakehouse, adapter_id: str, folder: Path) -> Files:
    """Put the files of a finished job into the lakehouse; the same ones twice are no error.

    Until a row of `adapters` names them they are nobody's, so a run that is killed here leaves
    nothing that is offered: `unnamed` finds it. Once a person took a step with the adapter, what
    is stored stays as it is.

    Args:
        lake: the lakehouse.
        adapter_id: names the folder there.
        folder: of the job; `adapter/` in it has the weights and their configuration alone.

    Returns:
        `bytes` and `sha256` of each file by its path inside the lakehouse, in path order.

    Raises:
        AdapterRefused: a file is missing, unexpected (a pickle) or broken, vLLM would not load
            the adapter, or another adapter of this id is known already.
    """
    contents = {f"{FOLDER}/{adapter_id}/{file.name}": file.read_bytes() for file in _taken(folder)}
    found = {path: _measured(contents[path]) for path in sorted(contents)}
    known = standings(lake.adapters.steps(adapter_id))
    if known and _differs(known[0].adapter, found):
        raise AdapterRefused(
            f"adapter {adapter_id[:12]} is known with other weights, and never changes: "
            "the same inputs made something else this time"
        )
    if known and known[0].stage not in OPEN:
        return dict(known[0].adapter.record.get("files", {}))
    for path, data in contents.items():
        lake.put_file(path, data)
    _log.info("stored %d files of adapter %s", len(found), adapter_id[:12])
    return found


def fetch(lake: Lakehouse, adapter: Adapter, folder: Path) -> list[Path]:
    """Write the files of an adapter into a folder, each checked against its hash first.

    Raises:
        AdapterRefused: a file is missing or damaged, or the folder has other files in it.
    """
    files = _files(adapter)
    wanted = {path.rpartition("/")[2] for path in files}
    if folder.exists() and (other := {file.name for file in folder.iterdir()} - wanted):
        raise AdapterRefused(f"{folder} is not empty ({sorted(other)[0]}): name another folder")
    contents = {path: _read(lake, adapter, path) for path in files}
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / path.rpartition("/")[2] for path in contents]
    for file, data in zip(written, contents.values(), strict=True):
        file.write_bytes(data)
    return written


def check(lake: Lakehouse, adapter: Adapter) -> None:
    """Is every file of an adapter there, byte by byte?

    Raises:
        AdapterRefused: one is missing or damaged; the message names it.
    """
    for path in _files(adapter):
        _read(lake, adapter, path)


def broken(lake: Lakehouse, adapter: Adapter) -> dict[str, str]:
    """What is wrong with files of an adapter, by path; nothing where all are whole."""
    return dict(_broken(lake, adapter))


def rank_of(folder: Path) -> int:
    """The rank of the adapter in a folder."""
    return int(json.loads((folder / CONFIG).read_bytes())["r"])


def unnamed(lake: Lakehouse) -> list[str]:
    """Files below `adapters/` that no row names: of a run that was killed before its row."""
    rows = lake.adapters.steps()
    named = {path for one in rows for path in one.record.get("files", {})}
    return sorted(lake.sizes(FOLDER).keys() - named)


def _broken(lake: Lakehouse, adapter: Adapter) -> Iterator[tuple[str, str]]:
    for path in adapter.record.get("files", {}):
        try:
            _read(lake, adapter, path)
        except AdapterRefused as error:
            yield path, str(error)


def _taken(folder: Path) -> list[Path]:
    inside = folder / "adapter"
    there = {file.name for file in inside.iterdir()} if inside.is_dir() else set()
    if missing := {WEIGHTS, CONFIG} - there:
        raise AdapterRefused(f"{inside} has no {sorted(missing)[0]}: the job did not end well")
    if unexpected := there - {WEIGHTS, CONFIG}:
        raise AdapterRefused(
            f"{inside} has {sorted(unexpected)[0]}: weights as safetensors and their "
            "configuration are stored, and nothing else"
        )
    if wrong := problems(inside):
        raise AdapterRefused(f"{inside} cannot be served: {'; '.join(wrong)}")
    beside = [file for pattern in _BESIDE for file in folder.glob(pattern)]
    return [inside / CONFIG, inside / WEIGHTS, *beside]


def _differs(known: Adapter, found: Files) -> bool:
    files = known.record.get("files", {})
    return any(
        path.endswith((WEIGHTS, CONFIG)) and files.get(path, said) != said
        for path, said in found.items()
    )


def _files(adapter: Adapter) -> Files:
    files: Files = dict(adapter.record.get("files", {}))
    if not files:
        raise AdapterRefused(
            f"adapter {adapter.adapter_id[:12]} has no files: it was only recorded"
        )
    return files


def _read(lake: Lakehouse, adapter: Adapter, path: str) -> bytes:
    about = f"{path} of adapter {adapter.adapter_id[:12]}"
    try:
        data = lake.get_file(path)
    except FileNotFoundError:
        raise AdapterRefused(f"{about} is missing: bring it back from a backup") from None
    if _measured(data) != adapter.record["files"][path]:
        raise AdapterRefused(f"{about} is damaged: bring it back from a backup")
    return data


def _measured(data: bytes) -> dict[str, Any]:
    return {"bytes": len(data), "sha256": sha256_bytes(data)}

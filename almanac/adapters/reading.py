"""What is said of adapters: a list, one of them, and every step that was ever taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from almanac.adapters import files
from almanac.adapters.registry import RETRAIN, Standing, in_stage, name_of, standings
from almanac.adapters.vllm import max_lora_rank
from lakehouse import open_lakehouse
from lakehouse.training import Adapter
from schemas.settings import Settings
from schemas.times import isoformat


def listing(settings: Settings) -> dict[str, Any]:
    """Every adapter, newest step first; which one answers; what calls for a person, worst first."""
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    found = standings(lake.adapters.steps())
    there = in_stage(found, "production", name_of(settings))
    return {
        "adapters": [_row(one) for one in found],
        "production": there.adapter.adapter_id if there else None,
        "warnings": [
            said for one in sorted(found, key=_answers, reverse=True) if (said := warning(one))
        ],
    }


def showing(settings: Settings, adapter_id: str) -> dict[str, Any]:
    """One adapter: where it stands, all that made it, its files and whether they are whole."""
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    one = find(settings, adapter_id)
    names = one.adapter.record.get("files", {})
    wrong = files.broken(lake, one.adapter)
    return _row(one) | {
        "record": dict(one.adapter.record),
        "examples_of": len(one.adapter.trained_on),
        "files": [
            {"path": path} | said | {"whole": path not in wrong} for path, said in names.items()
        ],
        "steps": [_step(step) for step in lake.adapters.steps(one.adapter.adapter_id)],
        "warnings": [said for said in [warning(one), *wrong.values()] if said],
    }


def history(settings: Settings, adapter_id: str | None = None) -> dict[str, Any]:
    """Every step, oldest first: the audit. Of one adapter, or of all."""
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    wanted = lake.adapters.find(adapter_id).adapter_id if adapter_id else None
    return {"steps": [_step(step) for step in lake.adapters.steps(wanted)]}


def fetching(settings: Settings, adapter_id: str, folder: Path) -> dict[str, Any]:
    """Write an adapter's files into a folder, and say how vLLM serves it from there."""
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    one = find(settings, adapter_id)
    written = files.fetch(lake, one.adapter, folder)
    base = one.adapter.record.get("base", {}).get("name", "BASE")
    rank = max_lora_rank(files.rank_of(folder))
    return {
        "adapter": one.adapter.adapter_id,
        "folder": str(folder),
        "files": [file.name for file in written],
        "served_as": one.served_as,
        "vllm": f"vllm serve {base} --enable-lora --max-lora-rank {rank} "
        f"--lora-modules {one.served_as}={folder}",
        "warnings": [said for said in [warning(one)] if said],
    }


def find(settings: Settings, adapter_id: str) -> Standing:
    """The adapter whose id begins so; AdapterRefused where that is none or several."""
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    found = lake.adapters.find(adapter_id)
    return standings(lake.adapters.steps(found.adapter_id))[0]


def warning(one: Standing) -> str:
    """What a person must know of an adapter; nothing for most."""
    if not one.retrain:
        return ""
    said = f"adapter {one.short} ({one.stage}) was trained on data that was erased since"
    if one.stage != "production":
        return f"{said}: it goes no further"
    return f"{said}, AND IT ANSWERS: tune again and approve, or `almanac adapters rollback`"


def _answers(one: Standing) -> bool:
    return one.stage == "production"


def _row(one: Standing) -> dict[str, Any]:
    record = one.adapter.record
    return {
        "adapter": one.adapter.adapter_id,
        "stage": one.stage,
        "retrain": one.retrain,
        "name": one.name,
        "served_as": one.served_as,
        "dataset": record.get("dataset"),
        "method": record.get("method"),
        "base": (record.get("base") or {}).get("name"),
        **_step(one.adapter),
    }


def _step(step: Adapter) -> dict[str, Any]:
    said = {
        "adapter": step.adapter_id,
        "to": step.status,
        "actor": step.actor,
        "reason": step.reason,
        "run_id": step.run_id,
        "at": isoformat(step.at) if step.at else None,
    }
    if step.status == RETRAIN:  # the row repeats who moved it last, and that was someone else
        said |= {"actor": "an erasure", "reason": "data it was trained on was erased"}
    return said

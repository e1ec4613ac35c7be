"""The datasets that there are: listed, shown, compared, written out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from almanac.dataset.card import card
from almanac.dataset.export import export
from almanac.dataset.views import totals
from lakehouse import Lakehouse, open_lakehouse
from schemas.settings import Settings
from schemas.times import isoformat


def listing(settings: Settings) -> dict[str, Any]:
    """Every dataset, newest first."""
    return {"datasets": [_summary(one) for one in _lake(settings).datasets.manifests()]}


def show(settings: Settings, name: str | None) -> dict[str, Any]:
    """A dataset's figures and its card; the newest for None.

    Raises:
        DatasetRefused: there is no such dataset.
    """
    lake = _lake(settings)
    manifest = lake.datasets.manifest(name)
    kept = ("counts", "views", "dropped", "masked", "requests", "prompts", "rules", "versions")
    return (
        _summary(manifest) | {key: manifest[key] for key in kept} | {"card": card(lake, manifest)}
    )


def write_out(settings: Settings, name: str | None, folder: Path) -> dict[str, Any]:
    """Export a dataset, and say which files there are.

    Raises:
        DatasetRefused: there is no such dataset, or examples of it were erased.
    """
    lake = _lake(settings)
    manifest = lake.datasets.manifest(name)
    files = export(lake, manifest, folder)
    return {
        "dataset": manifest["dataset"],
        "to": str(folder),
        "files": {inside: path.stat().st_size for inside, path in files.items()},
    }


def difference(settings: Settings, before: str, after: str) -> dict[str, Any]:
    """What came and went between two datasets, and which examples changed side (never one).

    Raises:
        DatasetRefused: there is no such dataset.
    """
    lake = _lake(settings)
    one, other = lake.datasets.manifest(before), lake.datasets.manifest(after)
    old, new = dict(one["examples"]), dict(other["examples"])
    return {
        "before": one["dataset"],
        "after": other["dataset"],
        "same": len(old.keys() & new.keys()),
        "gone": sorted(old.keys() - new.keys()),
        "new": sorted(new.keys() - old.keys()),
        "changed_side": sorted(key for key in old.keys() & new.keys() if old[key] != new[key]),
        "rules": _changed(one["rules"], other["rules"]),
        "versions": _changed(one["versions"], other["versions"]),
        "dropped": _changed(one["dropped"], other["dropped"]),
    }


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    names = sorted(before.keys() | after.keys())
    pairs = {name: [before.get(name), after.get(name)] for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _summary(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "dataset": manifest["dataset"],
        "at": isoformat(manifest["at"]),
        "window": manifest["window"],
        "examples": totals(manifest["views"]),
        "split": manifest["counts"]["side"],
    }


def _lake(settings: Settings) -> Lakehouse:
    return open_lakehouse(settings.lakehouse, settings.storage_options)

"""A dataset as files: one table of all examples, the views for trl, the card and the manifest."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from almanac.dataset.card import card
from almanac.dataset.views import METHODS, SIDES, on_side, view
from lakehouse import Lakehouse
from schemas.examples import Example, Method

_MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
EXAMPLES = pa.schema(
    [
        ("example_id", pa.string()),
        ("request_id", pa.string()),
        ("side", pa.string()),
        ("prompt", _MESSAGES),
        ("chosen", pa.string()),
        ("rejected", pa.string()),
        ("origin", pa.string()),
        ("cause", pa.string()),
        ("question", pa.string()),
        ("context", pa.list_(pa.string())),
        ("lang", pa.string()),
        ("source", pa.string()),
        ("group", pa.string()),
    ]
)
VIEWS: dict[Method, pa.Schema] = {
    "sft": pa.schema([("prompt", _MESSAGES), ("completion", _MESSAGES)]),
    "dpo": pa.schema([("prompt", _MESSAGES), ("chosen", _MESSAGES), ("rejected", _MESSAGES)]),
    "kto": pa.schema([("prompt", _MESSAGES), ("completion", _MESSAGES), ("label", pa.bool_())]),
}


def export(lake: Lakehouse, manifest: Mapping[str, Any], folder: Path) -> dict[str, Path]:
    """Write a dataset below `folder`, the manifest last; the same dataset, the same bytes.

    Returns each file by its path inside the folder: examples.parquet, {sft,dpo,kto}/{train,
    held_back}.parquet, card.md, manifest.json. Rows are in the order of `example_id`.

    Raises:
        DatasetRefused: examples were erased since.
    """
    examples = sorted(lake.datasets.examples(manifest), key=lambda one: one.example_id)
    share = float(manifest["rules"]["like_share"])
    files = {"examples.parquet": _parquet([_row(one) for one in examples], EXAMPLES)}
    for side in SIDES:
        some = on_side(examples, side, share)
        for method in METHODS:
            rows = view(some, method)
            files[f"{method}/{side}.parquet"] = _parquet(rows, VIEWS[method])
    files["card.md"] = card(lake, manifest).encode()
    files["manifest.json"] = _manifest(manifest)
    return {name: _write(folder / name, data) for name, data in files.items()}


def _row(example: Example) -> dict[str, Any]:
    return {name: getattr(example, name) for name in EXAMPLES.names}


def _parquet(rows: Sequence[dict[str, Any]], schema: pa.Schema) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(list(rows), schema), sink, compression="zstd")
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


def _manifest(manifest: Mapping[str, Any]) -> bytes:
    """Without the run that made it: another lakehouse with the same feedback writes the same."""
    said = {name: value for name, value in manifest.items() if name not in ("run_id", "at")}
    text = json.dumps(said, sort_keys=True, ensure_ascii=False, indent=1, allow_nan=False)
    return text.encode() + b"\n"


def _write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = path.with_name(path.name + ".part")
    whole.write_bytes(data)
    whole.replace(path)
    return path
